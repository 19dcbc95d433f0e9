"""The small integers that atoms and bonds become for the GIN (Hu et al., ICLR 2020)."""

ATOM_TYPES = 120  # atomic number - 1; 118 = dummy atom `*`, 119 = mask
DUMMY_ATOM, MASK_ATOM = 118, 119
CHIRALITIES = 3  # unspecified (and what is neither), clockwise, counter-clockwise
BOND_TYPES = 6  # single (and what is none of these), double, triple, aromatic, 4 = self-loop, 5 = mask
SELF_LOOP = 4
BOND_DIRECTIONS = 3  # none, up-right, down-right
