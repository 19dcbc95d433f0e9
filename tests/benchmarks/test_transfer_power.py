import json
from dataclasses import replace

import pytest
import typer
from typer.testing import CliRunner

from molweight.benchmarks import transfer_methods, transfer_outcomes, transfer_power
from molweight.benchmarks.transfer_outcomes import tally
from molweight.errors import ConfigError


@pytest.mark.slow
def test_help_is_found_where_it_is_planted_and_not_where_it_is_not():
    found = {}
    for family in ("shared", "independent"):
        tallies = tally(transfer_power.try_family(family, 2, 0, 300, 0.3, 0.95))
        found[family] = {each.method: each for each in tallies}
    of_shared = found["shared"]["efficient curves, gain"]
    assert of_shared.pairs == 24
    assert of_shared.helping >= 18
    assert of_shared.harming == 0
    assert found["independent"]["efficient curves, gain"].helping <= 3
    assert 0 < of_shared.seconds < found["shared"]["efficient curves, rate"].seconds
    assert found["shared"]["efficient curves, rate"].helping > 0
    assert found["shared"]["TAG"].helping > found["independent"]["TAG"].helping


@pytest.fixture
def program(monkeypatch):
    """The program on two folds and networks of few steps."""
    monkeypatch.setattr(transfer_methods, "NETWORK", replace(transfer_methods.NETWORK, steps=2))
    monkeypatch.setattr(transfer_methods, "TAG", replace(transfer_methods.TAG, steps=5))
    monkeypatch.setattr(transfer_power, "FOLDS", 2)
    monkeypatch.setattr(transfer_outcomes, "RESAMPLED", 20)
    app = typer.Typer()
    app.command()(transfer_power.power)
    return lambda *options: CliRunner().invoke(app, [*map(str, options)])


def test_the_program_counts_every_method_and_writes_the_figures(tmp_path, program):
    path, picture = tmp_path / "power.json", tmp_path / "power.png"
    options = ("--families", "independent", "--data-sets", 1, "--trained", 1, "--molecules", 200)
    result = program(*options, "--no-rates", "--json", path, "--picture", picture)
    assert result.exit_code == 0, result.output
    written = json.loads(path.read_text())
    tallies = {each["method"]: each for each in written["tallies"]}
    assert {name: (each["pairs"], each["networks"] * 12) for name, each in tallies.items()} == {
        "efficient curves, gain": (12, 0),
        "TAG": (12, 2),
        "full curves, gain": (12, 168),
    }
    assert all(each["seconds"] > 0 for each in tallies.values())
    assert written["seconds_of_a_network_apart"] > 0
    assert written["comparisons"] == []  # no family that helps
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_overlaps_have_a_line_each_and_methods_are_compared_at_full_overlap(tmp_path, program):
    path = tmp_path / "power.json"
    options = ("--families", "shared,independent", "--data-sets", 1, "--trained", 1, "--molecules", 200)
    result = program(*options, "--overlaps", "0.3,1", "--no-rates", "--json", path)
    assert result.exit_code == 0, result.output
    written = json.loads(path.read_text())
    of_all = {"efficient curves, gain", "TAG", "full curves, gain"}
    methods = {
        share: {e["method"] for e in written["powers"] if e["overlap"] == share} for share in (0.3, 1.0)
    }
    assert methods == {0.3: of_all | {"TAG, equal labels a step"}, 1.0: of_all}
    assert [each["cheap"] for each in written["comparisons"]] == ["efficient curves, gain", "TAG"]
    assert all(each["pairs"] == 12 for each in written["comparisons"])


def test_an_unknown_family_is_refused():
    with pytest.raises(ConfigError, match="there are shared, opposed, independent, conflicting"):
        transfer_power.power(families="shared,odd")


@pytest.mark.parametrize("overlaps", ["", "0.3,", "1.2", "nan", "half"])
def test_an_overlap_that_is_no_share_is_refused(overlaps):
    with pytest.raises(ConfigError, match="give shares from 0 to 1"):
        transfer_power.power(overlaps=overlaps)
