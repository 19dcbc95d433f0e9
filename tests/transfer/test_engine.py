from dataclasses import replace

import numpy as np
import pytest

from molweight.errors import ConfigError, DataError
from molweight.run_folder import RunFolder
from molweight.transfer import engine
from molweight.transfer.cost import foresee
from molweight.transfer.designs import TransferConfig, make_grid
from molweight.transfer.engine import identity, run_transfer
from molweight.transfer.folds import make_folds
from molweight.transfer.network import NetworkConfig
from molweight.transfer.setting import make_setting

from .conftest import family

CONFIG = TransferConfig(
    folds=3,
    points=4,
    smallest=8,
    largest=48,
    confirm=1,
    level=0.8,
    network=NetworkConfig(20, 16, 16),
    reference=False,
)


@pytest.fixture
def kept(tmp_path, data):
    folder = RunFolder(tmp_path / "kept")
    folder.begin(identity(data, CONFIG), resume=False, overwrite=False)
    return folder


def test_a_run_finds_the_like_tasks(data, kept):
    run = run_transfer(data, CONFIG, kept, jobs=1)
    assert run.alone.shape == (3, 4, 3)
    assert run.pairs.shape == (3, 4, 2, 3, 3)
    assert run.context.shape == (3, 4, 2, 3)
    assert run.context_samples.shape == (2, 3)
    assert set(run.fits_pairs) == {(i, j) for i in range(3) for j in range(3) if i != j}
    rates = {pair: fit.parameters["a_other"].value for pair, fit in run.fits_pairs.items()}
    assert min(rates[0, 1], rates[1, 0]) > max(rates[0, 2], rates[1, 2])
    gain = (run.pairs[:, 0, -1, 0, 1] - run.alone[:, 0, 0]).mean()
    assert gain > 0.2
    assert {step for step, seconds in run.seconds.items() if seconds >= 0} == {
        "features", "reference", "scan", "curves", "confirm",
    }  # fmt: skip
    assert run.forms.keys() == {"exp3", "power", "logarithm"}


def test_an_interrupted_run_goes_on_to_the_same_numbers(data, kept, monkeypatch, tmp_path):
    whole = run_transfer(data, CONFIG, RunFolder(tmp_path / "whole"), jobs=1)
    done = []

    def dies(setting, fold, helper):
        if len(done) == 4:
            raise KeyboardInterrupt
        done.append(helper)
        return scan(setting, fold, helper)

    parts = engine.PARTS["efficient"]
    scan = parts.helper
    monkeypatch.setitem(engine.PARTS, "efficient", replace(parts, helper=dies))
    with pytest.raises(KeyboardInterrupt):
        run_transfer(data, CONFIG, kept, jobs=1)
    assert len(list(kept.folder.glob("*-helper-*.json"))) == 4
    counted = replace(parts, helper=lambda *a: done.append(a[2]) or scan(*a))
    monkeypatch.setitem(engine.PARTS, "efficient", counted)
    resumed = run_transfer(data, CONFIG, kept, jobs=1)
    assert len(done) == 9  # three folds of three helpers, none twice
    for name in ("alone", "pairs", "context"):
        np.testing.assert_array_equal(getattr(resumed, name), getattr(whole, name))
    assert [f.to_json() for f in resumed.fits_pairs.values()] == [
        f.to_json() for f in whole.fits_pairs.values()
    ]
    assert resumed.confirmed == whole.confirmed


def test_a_damaged_part_is_one_error(data, kept):
    run_transfer(data, CONFIG, kept, jobs=1)
    (kept.folder / "0-alone.json").write_text('{"result": [')
    with pytest.raises(DataError, match=r"0-alone.json: cannot be read"):
        run_transfer(data, CONFIG, kept, jobs=1)


def test_other_settings_are_another_run(data, kept):
    with pytest.raises(ConfigError, match="another smallest"):
        kept.begin(identity(data, replace(CONFIG, smallest=9)), resume=True, overwrite=False)


@pytest.mark.parametrize(("design", "pairs"), [("efficient", [(0, 1)]), ("walk", [(0, 1)]), ("full", [])])
def test_what_was_trained_in_full_is_not_confirmed(data, tmp_path, monkeypatch, design, pairs):
    monkeypatch.setattr(engine, "pairs_to_confirm", lambda fits, most: [(0, 1)])
    setting = make_setting(data, replace(CONFIG, design=design))
    folds = make_folds(data, "compound", 3, 0)
    found = engine._confirm(setting, folds, {}, RunFolder(tmp_path), jobs=1)
    assert [(each.helped, each.helper) for each in found] == pairs


@pytest.mark.slow
def test_two_processes_give_the_numbers_of_one(data, tmp_path):
    one, two = (run_transfer(data, CONFIG, RunFolder(tmp_path / str(jobs)), jobs) for jobs in (1, 2))
    np.testing.assert_array_equal(one.pairs, two.pairs)
    assert one.confirmed == two.confirmed


def test_the_cost_that_is_foreseen_grows_with_the_pairs(data):
    assert foresee(data, CONFIG, jobs=1) > 0


@pytest.mark.parametrize("molecules", [40, 200])
def test_sizes_rise_and_can_be_sampled_by_half_the_tasks(molecules):
    data, config = family(molecules), TransferConfig()
    grid = make_grid(data, config)
    assert list(grid.own) == sorted(set(grid.own))
    assert set(grid.other) < set(grid.own)
    assert grid.other[-1] == grid.own[-1] <= np.median(data.measured) * 0.8
    assert all(4 * m == c for m, c in zip(grid.other, grid.context, strict=True))


def test_labels_too_few_for_three_sizes_are_an_error():
    few = family(6)
    with pytest.raises(DataError, match="too few for samples of three sizes"):
        make_grid(few, TransferConfig())


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"folds": 1}, "folds must be 2 or more, got 1"),
        ({"points": 2}, "points must be 3 or more, got 2"),
        ({"smallest": 3}, "the smallest sample must be 4 or more"),
        ({"largest": 20}, "the largest sample must be 32 or more"),
        ({"level": 1.0}, "the level of intervals must lie between 0 and 1"),
        ({"confirm": -1}, "confirm must be 0 or more"),
    ],
)
def test_settings_that_cannot_work_are_refused(wrong, message):
    with pytest.raises(ConfigError, match=message):
        TransferConfig(**wrong)
