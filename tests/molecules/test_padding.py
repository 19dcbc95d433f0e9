import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from padded import SMILES, choices, pair

from molweight.molecules.batch import SOURCES, GraphBatch
from molweight.molecules.padding import Capacity, PaddedBatch, Sizes, collate_padded
from molweight.molecules.store import store_from_smiles
from molweight.molecules.subgraphs import at_atoms, hop_distance, join, keep_atoms, keep_entries, mask_atoms

STORE = store_from_smiles(SMILES)


def entries(batch: GraphBatch) -> list[tuple[int, ...]]:
    """Every entry that is there, with what it says, of a batch without padding in the middle."""
    columns = batch.receiver, batch.neighbour, batch.bond_type, batch.bond_direction
    rows = list(zip(*(c.tolist() for c in columns), strict=True))
    return [row for row in rows if row[1] != batch.padding]


def assert_same(plain: GraphBatch, padded: PaddedBatch) -> None:
    assert entries(plain) == entries(padded)
    assert padded.real.tolist() == [True] * plain.atoms + [False] * (padded.atoms - plain.atoms)
    for name in ("atom_type", "chirality", "sizes", "molecule", "first_atom", "bond_counts"):
        expected = getattr(plain, name)
        assert torch.equal(getattr(padded, name)[: len(expected)], expected), name
    assert (padded.bond_counts[plain.atoms :] == 0).all()
    assert padded.whole.tolist() == list(range(plain.molecules))


@settings(max_examples=40)
@given(choices())
def test_a_padded_batch_is_the_batch_and_padding(choice):
    plain, padded = pair(STORE, choice)
    assert_same(plain, padded)
    assert padded.row_offsets[-1] == len(padded.neighbour)
    assert padded.sizes.sum() == padded.atoms


@settings(max_examples=40)
@given(choices())
def test_entries_to_spare_are_dealt_out_evenly(choice):
    plain, padded = pair(STORE, choice)
    rows = padded.row_offsets.diff()[plain.atoms :]
    assert rows.max() - rows.min() <= 1


def test_a_store_of_single_atoms_has_no_bonds():
    store = store_from_smiles(["C", "N"])
    padded = collate_padded(store, torch.tensor([1, 0]), Capacity(4, 9))
    assert padded.atom_type[:2].tolist() == [6, 5]
    assert entries(padded) == [(0, 0, 4, 0), (1, 1, 4, 0)]


@settings(max_examples=40)
@given(choices(), st.integers(0, 100))
def test_edits_are_those_of_the_unpadded_batch(choice, seed):
    plain, padded = pair(STORE, choice)
    masked = kept = torch.rand(padded.atoms, generator=torch.Generator().manual_seed(seed)) < 0.5
    key = torch.rand(padded.atoms, generator=torch.Generator().manual_seed(seed + 1))
    n = plain.atoms
    assert_same(mask_atoms(plain, masked[:n]), mask_atoms(padded, masked))
    fewer = [keep_entries(b, key[b.receiver] + key[b.neighbour] < 1.2) for b in (plain, padded)]
    assert_same(*fewer)
    source = torch.zeros(padded.atoms, dtype=torch.bool)
    source[[0, -1]] = True  # what is not there is no source
    near = [hop_distance(b, source[: b.atoms], 3) for b in fewer]
    assert torch.equal(near[0], near[1][:n])
    assert (near[1][n:] == 4).all()

    inside = keep_atoms(padded, kept)
    expected = keep_atoms(plain, kept[:n])
    place = kept.cumsum(0) - 1
    renamed = [(int(place[u]), int(place[v]), *bond) for u, v, *bond in entries(inside)]
    assert renamed == entries(expected)
    assert torch.equal(inside.bond_counts[inside.real], expected.bond_counts)
    if expected.atoms:
        rows = at_atoms(expected.atom_type, plain, kept[:n])
        assert torch.equal(rows[inside.real[:n]], at_atoms(inside.atom_type, padded, kept)[inside.real])


@settings(max_examples=40)
@given(choices(), choices())
def test_two_joined_batches(first, second):
    (a, a_padded), (b, b_padded) = pair(STORE, first), pair(STORE, second)
    plain, padded = join(a, b), join(a_padded, b_padded)
    place = torch.cat(
        [torch.arange(a.atoms), torch.zeros(a_padded.atoms - a.atoms), a.atoms + torch.arange(b.atoms)]
    )
    renamed = [(int(place[u]), int(place[v]), *bond) for u, v, *bond in entries(padded)]
    assert renamed == entries(plain)
    assert torch.equal(padded.sizes[padded.whole], plain.sizes)
    assert torch.equal(padded.atom_type[padded.real], plain.atom_type)
    assert torch.equal(padded.bond_counts[padded.real], plain.bond_counts)


def test_an_edit_keeps_what_it_does_not_touch():
    for batch in pair(STORE, ([0, 3], 2, 2)):
        masked = mask_atoms(batch, torch.ones(batch.atoms, dtype=torch.bool))
        assert all(vars(masked)[name] is vars(batch)[name] for name in SOURCES)
        shorter = batch.edit(neighbour=batch.neighbour.flip(0))
        assert "bond_counts" not in vars(shorter)
        assert vars(shorter)["receiver"] is batch.receiver


@settings(max_examples=40)
@given(st.lists(st.booleans(), min_size=1, max_size=30), st.integers(0, 9))
def test_positions(chosen, spare):
    plain, padded = pair(STORE, ([0, 3], 2, 2))
    chosen = torch.tensor(chosen)
    expected = plain.positions(chosen, 0)
    assert expected[1].all()
    found, there = padded.positions(chosen, int(chosen.sum()) + spare)
    assert torch.equal(found[there], expected[0])
    assert len(found) == len(expected[0]) + spare
    assert (found < len(chosen)).all()


def test_capacity_has_room_for_nearly_all_random_batches():
    sizes = Sizes.of(STORE)
    everything = torch.arange(len(STORE)).repeat(200)
    capacity, order = sizes.capacity(everything, 64), torch.Generator().manual_seed(0)
    drawn = [everything[torch.randperm(len(everything), generator=order)[:64]] for _ in range(400)]
    fitting = [sizes.fit(molecules, capacity) for molecules in drawn]
    assert sum(fitting) >= 396
    atoms = torch.stack([sizes.atoms[molecules].sum() for molecules in drawn]).double()
    assert capacity.atoms < atoms.mean() + 5 * atoms.std() + 64  # and little is wasted


def test_capacity_of_a_batch_of_everything_is_its_size():
    sizes, everything = Sizes.of(STORE), torch.arange(len(STORE))
    for batch_size in (len(STORE), 10 * len(STORE)):
        capacity = sizes.capacity(everything, batch_size)
        assert sizes.fit(everything, capacity)
        assert capacity.atoms <= sizes.atoms.sum() + 64
        assert capacity.entries < sizes.entries.sum() + 64


def test_what_has_no_room_does_not_fit_and_is_never_truncated():
    sizes, molecules = Sizes.of(STORE), torch.tensor([0, 3])
    plain, _ = pair(STORE, ([0, 3], 1, 0))
    for capacity in (Capacity(plain.atoms, 999), Capacity(999, len(plain.neighbour) - 1)):
        assert not sizes.fit(molecules, capacity)
    for capacity in (Capacity(plain.atoms - 1, 999), Capacity(99, len(plain.neighbour) - 1)):
        with pytest.raises(RuntimeError, match="repeats"):
            collate_padded(STORE, molecules, capacity)
