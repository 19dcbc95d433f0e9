import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from molweight.molecules.featurize import featurize_smiles
from molweight.molecules.smiles import MAX_CHARACTERS, parse_smiles


def star(bonds: int) -> str:
    """An atom with so many neighbours; RDKit sets no limit to a dummy's."""
    return "*" + "(C)" * (bonds - 1) + "C"


def test_parsing_collects_every_failure_with_row_text_and_reason():
    parsed = parse_smiles(["CCO", "C1CC", None, "", 3.5, "CN(C)(C)(C)C", "c1cccc1", "O"], first_row=10)
    assert parsed.rows == [10, 17]
    assert [(r.row, r.text) for r in parsed.rejected] == [
        (11, "C1CC"), (12, ""), (13, ""), (14, ""), (15, "CN(C)(C)(C)C"), (16, "c1cccc1"),
    ]  # fmt: skip
    reasons = [r.reason for r in parsed.rejected]
    assert reasons[:4] == ["not valid SMILES", "empty", "empty", "empty"]
    assert "valence" in reasons[4]
    assert "kekulize" in reasons[5].lower()


@settings(max_examples=20)
@given(st.lists(st.sampled_from(["C", "CCO", "bad", "", None, "C1CC"]), max_size=12), st.integers(0, 10**6))
def test_every_row_is_a_molecule_or_rejected(texts, first):
    parsed = parse_smiles(texts, first)
    good = [row for row, text in enumerate(texts, first) if text in ("C", "CCO")]
    assert parsed.rows == good
    assert [m.GetNumAtoms() for m in parsed.mols] == [len(texts[row - first]) for row in good]
    assert [r.row for r in parsed.rejected] == [r for r in range(first, first + len(texts)) if r not in good]


def test_rdkit_prints_nothing_about_bad_rows(capfd):
    parse_smiles(["C1CC", "CN(C)(C)(C)C", "c1cccc1"])
    assert capfd.readouterr() == ("", "")


def test_atoms_keep_the_order_of_the_text():
    (mol,) = parse_smiles(["OCC(N)Br"]).mols
    assert [a.GetSymbol() for a in mol.GetAtoms()] == ["O", "C", "C", "N", "Br"]


def test_awkward_molecules_are_parsed(awkward_smiles):
    assert parse_smiles([awkward_smiles]).rejected == []


def test_a_text_too_long_to_parse_in_reasonable_time_is_rejected():
    parsed = parse_smiles(["C" * MAX_CHARACTERS, "C" * (MAX_CHARACTERS + 1), "C1CC" * 250_000])
    assert parsed.rows == [0]
    assert [r.reason.partition(";")[0] for r in parsed.rejected] == ["5001 characters", "1000000 characters"]


def test_no_molecule_has_more_atoms_than_16_bit_numbers_count():
    assert MAX_CHARACTERS <= 32_767


@pytest.mark.parametrize(
    ("bonds", "reason"),
    [
        (128, "cannot be sanitised"),
        (255, "cannot be sanitised"),
        (256, "an atom with 256 bonds; at most 255 are supported"),
        (300, "an atom with 300 bonds; at most 255 are supported"),
    ],
)
def test_an_atom_with_more_bonds_than_can_be_counted_is_rejected(bonds, reason):
    """RDKit's valences are signed 8-bit numbers and our degrees unsigned ones."""
    parsed = parse_smiles(["C", star(bonds)])
    assert parsed.rows == [0]
    assert parsed.rejected[0].reason == reason


def test_the_largest_degree_survives_featurising():
    assert featurize_smiles([star(127)]).degree.tolist() == [127] + [1] * 127


@pytest.mark.parametrize(("text", "atoms"), [("  CCO", 3), ("CCO ethanol", 3), ("[H][H]", 2)])
def test_what_surrounds_a_smiles_is_no_part_of_it(text, atoms):
    (mol,) = parse_smiles([text]).mols
    assert mol.GetNumAtoms() == atoms
