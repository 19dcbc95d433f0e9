from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from molweight.errors import ConfigError, DataError
from molweight.molecules.tables import open_molecules, table_writer
from molweight.screening import predict as module
from molweight.screening.predict import added_columns, check_columns, predict_table

ROWS = [
    ("a", "CCO"), ("b", "no molecule"), ("c", ""), ("d", "c1ccccc1CCC"), ("e", "CCO"), ("f", "[Na+].[Cl-]"),
    ("g", "CC(C)(C"),
]  # fmt: skip


NUMBERS = ("prediction", "probability", "std", "lower", "upper", "similarity")


@pytest.fixture
def table(tmp_path) -> Path:
    path = tmp_path / "in.csv"
    pd.DataFrame(ROWS, columns=["id", "smiles"]).to_csv(path, index=False)
    return path


def predicted(model, table: Path, coverage: float = 0.9, out: str = "out.csv"):
    source = open_molecules(table)
    path = table.with_name(out)
    columns = [*source.columns, *added_columns(model.about)]
    with table_writer(path, columns, overwrite=True) as writer:
        counts = predict_table(model, source, writer, coverage)
    return pd.read_csv(path, keep_default_na=False, dtype=str), counts


def test_every_row_stays_in_its_place_and_those_that_are_no_molecule_say_why(model, table):
    found, counts = predicted(model, table)
    assert list(found["id"]) == list("abcdefg")
    assert [bool(reason) for reason in found["problem"]] == [False, True, True, False, False, False, True]
    assert found["problem"][2] == "empty"
    numbers = [name for name in found if name.startswith(NUMBERS)]
    assert (found.loc[found["problem"] != "", numbers] == "").all(axis=None)
    assert (found.loc[found["problem"] == "", numbers] != "").all(axis=None)
    assert found.loc[0, numbers].tolist() == found.loc[4, numbers].tolist()  # the same molecule
    assert (counts.rows, counts.problems) == (7, 3)
    assert counts.outside == (found["in_domain"] == "no").sum()


def test_pieces_do_not_change_the_numbers(model, table, monkeypatch):
    whole, _ = predicted(model, table)
    monkeypatch.setattr(module, "ROWS", 2)
    pieces, _ = predicted(model, table)
    numbers = [name for name in whole if name.startswith(NUMBERS)]
    assert whole.drop(columns=numbers).equals(pieces.drop(columns=numbers))
    one, two = (frame[numbers].replace("", np.nan).astype(float) for frame in (whole, pieces))
    assert np.allclose(one, two, rtol=1e-4, equal_nan=True)


def test_what_a_prediction_says_is_consistent(model, table):
    found, _ = predicted(model, table)
    rows = found[found["problem"] == ""]
    for task in model.about.tasks:
        if model.about.kind == "regression":
            lower, value, upper = (
                rows[f"{n}_{task}"].astype(float) for n in ("lower", "prediction", "upper")
            )
            assert ((lower <= value) & (value <= upper)).all()
        else:
            assert rows[f"probability_{task}"].astype(float).between(0, 1).all()
    if model.about.kind == "classification":
        names = {"", "inactive", "active", "inactive|active"}
        assert set(rows["set_polar"]) <= names
    assert rows["similarity"].astype(float).between(0, 1).all()
    assert rows["nearest_smiles"].isin(model.smiles).all()
    assert rows["nearest_smiles"][0] == "CCO"


@pytest.mark.parametrize("member_kind", ["forest"], indirect=True)
def test_more_coverage_makes_nothing_narrower(model, table):
    narrow, wide = (predicted(model, table, coverage)[0] for coverage in (0.6, 0.95))
    rows = narrow["problem"] == ""
    if model.about.kind == "regression":
        ends = [
            (t.loc[rows, f"{end}_polar"].astype(float)) for t in (narrow, wide) for end in ("lower", "upper")
        ]
        assert (ends[2] <= ends[0]).all()
        assert (ends[1] <= ends[3]).all()
    else:
        sets = zip(*(t["set_polar"].str.split("|") for t in (narrow, wide)), strict=True)
        assert all(set(few) <= {*more, ""} for few, more in sets)


@pytest.mark.parametrize("member_kind", ["forest"], indirect=True)
def test_a_table_without_any_molecule_is_written_all_the_same(model, table):
    pd.DataFrame({"smiles": ["x", "y"]}).to_csv(table, index=False)
    found, counts = predicted(model, table)
    assert (counts.rows, counts.problems) == (2, 2)
    assert (found["problem"] != "").all()


@pytest.mark.parametrize("member_kind", ["forest"], indirect=True)
def test_numbers_stay_numbers_in_parquet(model, table):
    source = open_molecules(table)
    out = table.with_name("out.parquet")
    with table_writer(out, [*source.columns, *added_columns(model.about)]) as writer:
        predict_table(model, source, writer, 0.9)
    types = pd.read_parquet(out).dtypes
    assert types["similarity"] == np.float64
    assert types["std_polar"] == np.float64


@pytest.mark.parametrize("member_kind", ["forest"], indirect=True)
def test_a_column_that_is_there_and_a_coverage_that_cannot_be_are_refused(model, table):
    pd.DataFrame({"smiles": ["CCO"], "similarity": ["1"]}).to_csv(table, index=False)
    with pytest.raises(DataError, match="has a column 'similarity' already"):
        check_columns(open_molecules(table), added_columns(model.about))
    for coverage in (0.4, 1.0):
        with pytest.raises(ConfigError, match=r"--coverage must be from 0\.5"):
            predict_table(model, open_molecules(table), None, coverage)
