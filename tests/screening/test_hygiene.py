import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rdkit import Chem

from molweight.errors import DataError
from molweight.screening import facts
from molweight.screening.findings import SetAside
from molweight.screening.hygiene import FEWEST, clean, leakage, write_findings

ALKANES = ["C" * n for n in range(3, 63)]  # no stereo, all different


def cleaned(smiles, labels, kind="regression", fill=60, **options):
    """Clean the rows given, followed by so many without a blemish."""
    labels = np.array(labels, np.float32)
    labels = labels[:, None] if labels.ndim == 1 else labels
    more = np.arange(fill)[:, None] % 2 + np.zeros((1, labels.shape[1]))
    both = np.concatenate([labels, more]).astype(np.float32)
    tasks = ["y", "z"][: labels.shape[1]]
    return clean([*smiles, *ALKANES[:fill]], both, kind, tasks, **options)


def texts(result) -> dict[str, str]:
    return {finding.title: finding.text for finding in result.findings}


def rows(result, title: str) -> tuple[int, ...]:
    (found,) = [finding for finding in result.findings if finding.title == title]
    return found.rows


def test_a_clean_table_is_left_alone():
    result = cleaned(["C(C)O"], [1.5])
    assert result.smiles == ["C(C)O", *ALKANES]
    assert result.rows.tolist() == list(range(61))
    assert result.labels[:2, 0].tolist() == [1.5, 0]
    assert result.labels.dtype == np.float32
    assert (result.set_aside, result.findings) == ([], [])


def test_what_is_no_molecule_is_set_aside_with_the_reason():
    result = cleaned(["C1CC", "", "CO"], [1, 2, 3], unreadable={1: "not a readable mol block"})
    assert result.set_aside == [
        SetAside(0, "C1CC", "not valid SMILES"),
        SetAside(1, "", "not a readable mol block"),
    ]
    assert result.rows[0] == 2
    assert texts(result) == {"No molecules": "2 rows could not be read as molecules and were set aside."}
    assert rows(result, "No molecules") == (0, 1)


def test_a_molecule_without_any_label_is_set_aside():
    result = cleaned(["CO", "CN"], [[np.nan, np.nan], [np.nan, 1]])
    assert result.set_aside == [SetAside(0, "CO", "no label")]
    assert rows(result, "No labels") == (0,)


def test_agreeing_classes_are_merged_into_the_first_row():
    result = cleaned(["OC", "CO", "C-O"], [[1, np.nan], [np.nan, 0], [1, 0]], "classification")
    assert result.smiles[0] == "OC"
    assert result.labels[0].tolist() == [1, 0]
    assert result.set_aside == [
        SetAside(1, "CO", "the same molecule as in row 0; merged into that"),
        SetAside(2, "C-O", "the same molecule as in row 0; merged into that"),
    ]
    assert texts(result)["Duplicates"] == (
        "1 molecule occurs more than once (3 rows); each was merged into its first row, "
        "with the label they agree on."
    )
    assert rows(result, "Duplicates") == (0, 1, 2)


def test_conflicting_classes_are_all_set_aside():
    result = cleaned(["OC", "CCN", "CO"], [[1, 1], [1, 1], [1, 0]], "classification")
    assert result.rows.tolist() == [1, *range(3, 63)]
    assert result.set_aside == [
        SetAside(0, "OC", "the same molecule as in row 2, with another label"),
        SetAside(2, "CO", "the same molecule as in row 0, with another label"),
    ]
    assert texts(result)["Conflicting duplicates"] == (
        "1 molecule occurs more than once (2 rows) in both classes; all their rows were set aside."
    )


def test_numbers_are_merged_at_the_median_and_the_range_is_told():
    result = cleaned(["OC", "CO", "CO"], [0.25, 0.5, 0.125])
    assert result.labels[0, 0] == 0.25
    assert [each.row for each in result.set_aside] == [1, 2]
    assert "up to 0.375 ('y') apart" in texts(result)["Duplicates"]
    assert "Duplicates that disagree" not in texts(result)


def test_numbers_further_apart_than_a_standard_deviation_are_told():
    result = cleaned(["OC", "CO", "CCO", "OCC"], [0, 4, 0.1, 0.2])
    assert result.labels[:2, 0].tolist() == pytest.approx([2, 0.15])
    assert rows(result, "Duplicates") == (0, 1, 2, 3)
    assert rows(result, "Duplicates that disagree") == (0, 1)


def test_isomers_and_isotopes_are_no_duplicates():
    result = cleaned(["C[C@H](N)O", "C[C@@H](N)O", "[2H]C", "C", "[13CH3][C@H](N)O"], [0, 1, 0, 1, 0])
    assert result.set_aside == []
    assert rows(result, "Stereoisomers of different labels") == (0, 1)


@settings(max_examples=30)
@given(
    st.lists(
        st.tuples(st.sampled_from(["CO", "OC", "CCO", "C1CC", ""]), st.sampled_from([0.0, 1.0, np.nan])),
        max_size=15,
    ),
    st.sampled_from(["classification", "regression"]),
)
def test_every_row_is_kept_or_set_aside_and_no_molecule_kept_twice(table, kind):
    result = cleaned([text for text, _ in table], [label for _, label in table], kind)
    assert sorted([*result.rows, *(each.row for each in result.set_aside)]) == list(range(len(table) + 60))
    canonical = [Chem.CanonSmiles(text) for text in result.smiles]
    assert len(set(canonical)) == len(canonical)
    for row, label in zip(result.rows[:-60], result.labels, strict=False):
        alike = [y for s, y in table if s and sorted(s) == sorted(table[row][0]) and not np.isnan(y)]
        assert label[0] == np.median(alike)


FORMS = {
    "tautomers": ("Oc1ccccn1", "O=c1cccc[nH]1"),
    "charge": ("CC(=O)O", "CC(=O)[O-]"),
    "zwitterion": ("NCC(=O)O", "[NH3+]CC(=O)[O-]"),
    "drawing": ("[Na]Cl", "[Na+].[Cl-]"),
}


@pytest.mark.parametrize("pair", FORMS.values(), ids=FORMS)
def test_forms_of_one_compound_are_kept_and_told(pair):
    result = cleaned(["*CCO", *pair, "*CC=O"], [0, 1, 1, 0])
    assert result.set_aside == []
    assert rows(result, "Forms of one compound") == (1, 2)
    assert texts(result)["Forms of one compound"].startswith("1 compound written in more than one tautomer")


def test_isomers_of_one_formula_are_different_compounds():
    assert texts(cleaned(["CCO", "COC", "CC(C)C(C)C"], [0, 1, 1])) == {}


def test_salts_are_kept_whole_unless_asked():
    result = cleaned(["CCN.Cl", "CN"], [0, 1])
    assert result.smiles[:2] == ["CCN.Cl", "CN"]
    assert rows(result, "Salts and mixtures") == (0,)
    assert "kept whole; give --largest-fragment" in texts(result)["Salts and mixtures"]


def test_the_largest_fragment_is_that_of_the_most_heavy_atoms():
    hydrogens, heavy = "CCCC", "O=S(=O)(O)O"
    result = cleaned([f"{hydrogens}.{heavy}", "[Na+].C(C)[O-]", "OC"], [0, 1, 0], largest_fragment=True)
    assert result.smiles[:3] == [Chem.CanonSmiles(heavy), "CC[O-]", "OC"]
    assert rows(result, "Salts and mixtures") == (0, 1)
    assert "only the fragment of the most heavy atoms was kept" in texts(result)["Salts and mixtures"]


def test_salts_of_one_molecule_become_duplicates_and_keep_their_text_in_the_list():
    result = cleaned(["CCN.Cl", "CCN.Br"], [0, 0], largest_fragment=True)
    assert result.set_aside == [SetAside(1, "CCN.Br", "the same molecule as in row 0; merged into that")]


@pytest.mark.parametrize("smiles", ["CC(N)O", "CC=CO", "C[C@H](N)C(O)F"])
def test_configurations_that_are_not_stated_are_told(smiles):
    result = cleaned([smiles, "C[C@H](N)O", "C/C=C/N", "C=C"], [0, 1, 0, 1])
    assert rows(result, "Open stereochemistry") == (0,)


@pytest.mark.parametrize("pair", [("C/C=C/O", "C/C=C\\O"), ("C[C@H](N)O", "CC(N)O")])
@pytest.mark.parametrize("kind", ["classification", "regression"])
def test_stereoisomers_of_different_labels_are_told(pair, kind):
    assert rows(cleaned(pair, [0, 1], kind), "Stereoisomers of different labels") == (0, 1)
    assert "Stereoisomers of different labels" not in texts(cleaned(pair, [1, 1], kind))


def test_rare_classes_are_told():
    few = cleaned([], [], "classification", 37)
    assert texts(few)["Class imbalance"].startswith(
        "The positive class of 'y' has 18 molecules of 37 (48.6%). Scores on so few"
    )
    assert "Class imbalance" not in texts(cleaned([], [], "classification", 40))
    many = ["C" * n + "O" for n in range(1, 300)]
    result = cleaned(many, np.ones(299), "classification", 60)
    assert texts(result)["Class imbalance"].startswith(
        "The negative class of 'y' has 30 molecules of 359 (8.4%). Accuracy says"
    )
    assert "Class imbalance" not in texts(cleaned(many, np.ones(299), "regression", 60))


def test_few_molecules_are_told_and_too_few_refused():
    assert "Few molecules" not in texts(cleaned([], [], fill=50))
    assert texts(cleaned([], [], fill=49))["Few molecules"].startswith("49 molecules leave 4 or so")
    assert len(cleaned([], [], fill=FEWEST).smiles) == FEWEST
    with pytest.raises(
        DataError, match="of 12 rows, 9 are different molecules with labels; at least 10 are needed"
    ):
        cleaned(["CO", "OC", "bad", "CN"], [0, 0, 0, np.nan], fill=8)


@pytest.mark.parametrize("smiles", [[], ["bad"] * 30])
def test_nothing_left_is_an_error(smiles):
    with pytest.raises(DataError, match="0 are different molecules with labels"):
        clean(smiles, np.ones((len(smiles), 1), np.float32), "regression", ["y"])


@pytest.mark.parametrize(
    ("kind", "second", "message"),
    [
        ("classification", 1, "column 'z': the 60 molecules that are left have one class only"),
        ("regression", 1, "column 'z': the 60 molecules that are left have one value only"),
        ("regression", np.nan, "column 'z': the 60 molecules that are left have no label"),
    ],
)
def test_a_class_that_was_all_set_aside_is_an_error(kind, second, message):
    labels = np.stack([np.arange(61) % 2, np.full(61, second)], 1).astype(np.float32)
    labels[0, 1] = 0
    with pytest.raises(DataError, match=message):
        clean(["C1CC", *ALKANES], labels, kind, ["y", "z"])


def test_leakage_is_what_was_seen_in_another_form():
    train = ["CCO", "Oc1ccccn1", "C[C@H](N)C(=O)O", "CC(=O)[O-]", "bad", "*CC", "*CCO"]
    test = ["OCC", "CCN", "O=c1cccc[nH]1", "CC(N)C(=O)O", "CC(=O)O", "worse", "C*", "CC*", "COC", "*CC=O"]
    assert leakage(train, test) == [0, 2, 3, 4, 7]
    assert leakage([], test) == leakage(train, []) == []


def test_rows_set_aside_are_written(tmp_path):
    result = cleaned(["C1CC", "CO", "OC"], [1, 0, 0])
    write_findings(result.set_aside, "a.csv", tmp_path / "rejected.csv")
    assert (tmp_path / "rejected.csv").read_text().splitlines() == [
        "file,row,smiles,reason", "a.csv,0,C1CC,not valid SMILES",
        "a.csv,2,OC,the same molecule as in row 1; merged into that",
    ]  # fmt: skip
    write_findings([], "a.csv", tmp_path / "none.csv")
    assert (tmp_path / "none.csv").read_text() == "file,row,smiles,reason\n"


def test_several_processes_give_the_same(monkeypatch):
    smiles = ["CCO", "bad", "CC(=O)O", "CC(=O)[O-]", "C[C@H](N)O", "CN.Cl", ""]
    expected, keys = facts.describe(smiles, True), facts.inchi_keys(["C", "CC", "*"])
    monkeypatch.setattr(facts, "_CHUNK", 2)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    assert facts.describe(smiles, True) == expected
    assert facts.inchi_keys(["C", "CC", "*"]) == keys
    assert keys[2] == ""


def test_rdkit_prints_nothing(capfd):
    cleaned(["C1CC", "*C", "C*", "CCN.Cl", "O=S(=O)(O)O.[Na+]"], [1, 0, 0, 1, 0], largest_fragment=True)
    assert capfd.readouterr() == ("", "")
