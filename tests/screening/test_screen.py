import numpy as np
import pandas as pd
import pytest

from molweight.errors import ConfigError, DataError
from molweight.molecules.scaffolds import murcko_scaffold
from molweight.molecules.store import store_from_smiles
from molweight.molecules.tables import open_molecules
from molweight.screening import screen as module
from molweight.screening.screen import ScreenConfig, find_task, screen

ENDS = ("Br", "c1ccccc1", "O", "C1CC1N", "F")
LIBRARY = [*("C" * n + end for end in ENDS for n in range(1, 9)), "no molecule", ""]

pytestmark = pytest.mark.parametrize("member_kind", ["forest"], indirect=True)


@pytest.fixture
def library(tmp_path):
    path = tmp_path / "library.csv"
    names = [f"m{i}" for i in range(len(LIBRARY))]
    pd.DataFrame({"name": names, "smiles": LIBRARY}).to_csv(path, index=False)
    return path


def ranked(model, config):
    """Rows of the library by a score computed on all of it at once."""
    smiles = LIBRARY[:-2]
    value, spread = (x[:, 0] for x in model.ensemble(smiles, store_from_smiles(smiles)))
    sign = 1 if config.direction == "max" else -1
    score = sign * value + (config.kappa * spread if config.acquisition == "explore" else 0)
    return np.lexsort((np.arange(len(score)), -score)), score


@pytest.mark.parametrize("direction", ["max", "min"])
@pytest.mark.parametrize("acquisition", ["exploit", "explore"])
@pytest.mark.parametrize("rows", [7, 500])
def test_the_best_are_those_of_sorting_the_whole(model, library, direction, acquisition, rows, monkeypatch):
    monkeypatch.setattr(module, "ROWS", rows)
    config = ScreenConfig(12, "polar", direction, acquisition=acquisition, kappa=2.0)
    found = screen(model, open_molecules(library), config)
    order, score = ranked(model, config)
    assert found.table["row"].tolist() == order[:12].tolist()
    assert found.table["score"].to_numpy() == pytest.approx(score[order[:12]])
    assert found.table["name"].tolist() == [f"m{i}" for i in order[:12]]
    assert (found.rows, found.rejected) == (len(LIBRARY), 2)


def test_one_molecule_of_each_scaffold(model, library):
    config = ScreenConfig(12, "polar", diverse=True)
    found = screen(model, open_molecules(library), config)
    order, _ = ranked(model, config)
    best_of_scaffold = {}
    for row in order:
        best_of_scaffold.setdefault(murcko_scaffold(LIBRARY[row]), row)
    assert found.table["row"].tolist() == list(best_of_scaffold.values())


def test_fewer_molecules_than_asked_for_are_all_there_are(model, library):
    found = screen(model, open_molecules(library), ScreenConfig(1_000, "polar"))
    assert len(found.table) == len(LIBRARY) - 2
    assert found.table["rank"].tolist() == list(range(1, len(LIBRARY) - 1))
    assert found.table["similarity"].between(0, 1).all()


def test_what_cannot_be_screened_is_refused(model, library):
    with pytest.raises(ConfigError, match="several tasks; name one with --target: polar, rare"):
        find_task(model, None)
    with pytest.raises(ConfigError, match="no task 'x'"):
        find_task(model, "x")
    assert find_task(model, "rare") == "rare"
    with pytest.raises(ConfigError, match="at least 1"):
        screen(model, open_molecules(library), ScreenConfig(0, "polar"))
    pd.DataFrame({"smiles": ["CCO"], "rank": ["1"]}).to_csv(library, index=False)
    with pytest.raises(DataError, match="has a column 'rank' already"):
        screen(model, open_molecules(library), ScreenConfig(3, "polar"))
    pd.DataFrame({"smiles": ["x"]}).to_csv(library, index=False)
    with pytest.raises(DataError, match="none of its rows is a molecule"):
        screen(model, open_molecules(library), ScreenConfig(3, "polar"))
