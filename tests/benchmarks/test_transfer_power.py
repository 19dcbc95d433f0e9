import json
from dataclasses import replace

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from molweight.benchmarks import transfer_power
from molweight.benchmarks.transfer_families import FACTORS, FAMILIES, TASKS, make_family
from molweight.errors import ConfigError


@pytest.mark.parametrize(
    ("family", "expected"), [("shared", 0.7), ("opposed", -0.7), ("independent", 0.0), ("conflicting", 0.0)]
)
def test_neighbouring_tasks_correlate_as_their_family_says(family, expected):
    tables = [make_family(family, 500, 0.0, 0.7, seed)[0].labels for seed in range(20)]
    found = np.mean([np.corrcoef(table[:, 0], table[:, 1])[0, 1] for table in tables])
    assert found == pytest.approx(expected, abs=0.12)


def test_tasks_in_conflict_agree_on_half_of_the_features():
    weights = FAMILIES["conflicting"](np.random.default_rng(0), 1.0)  # [features, tasks]
    agree = (np.sign(weights[:, :, None]) == np.sign(weights[:, None, :])).sum(0)
    np.testing.assert_array_equal(agree[~np.eye(TASKS, dtype=bool)], FACTORS // 2)


@pytest.mark.slow
def test_help_is_found_where_it_is_planted_and_not_where_it_is_not():
    found = {}
    for family in ("shared", "independent"):
        tallies = transfer_power.tally(family, 2, 0, 300, 0.3, 0.95)
        found[family] = {each.method: each for each in tallies}
    of_shared = found["shared"]["efficient curves, gain"]
    assert of_shared.pairs == 24
    assert of_shared.helping >= 18
    assert of_shared.harming == 0
    assert found["independent"]["efficient curves, gain"].helping <= 3
    assert found["shared"]["TAG"].helping > found["independent"]["TAG"].helping


def test_the_program_counts_every_method_and_writes_the_figures(tmp_path, monkeypatch):
    monkeypatch.setattr(transfer_power, "NETWORK", replace(transfer_power.NETWORK, steps=2))
    monkeypatch.setattr(transfer_power, "TAG", replace(transfer_power.TAG, steps=5))
    monkeypatch.setattr(transfer_power, "FOLDS", 2)
    app = typer.Typer()
    app.command()(transfer_power.power)
    path = tmp_path / "power.json"
    options = [
        "--families",
        "independent",
        "--data-sets",
        "1",
        "--trained",
        "1",
        "--molecules",
        "200",
        "--json",
        str(path),
    ]
    result = CliRunner().invoke(app, options)
    assert result.exit_code == 0, result.output
    written = {each["method"]: each for each in json.loads(path.read_text())["tallies"]}
    assert {name: each["pairs"] for name, each in written.items()} == {
        "efficient curves, gain": 12,
        "efficient curves, rate": 12,
        "TAG": 12,
        "full curves, gain": 4,
        "full curves, rate": 4,
    }
    assert all(each["seconds"] > 0 for each in written.values())


def test_an_unknown_family_is_refused():
    with pytest.raises(ConfigError, match="there are shared, opposed, independent, conflicting"):
        transfer_power.power(families="shared,odd")
