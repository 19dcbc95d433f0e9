from dataclasses import replace

import numpy as np
import pytest

from molweight.benchmarks.transfer_families import make_family
from molweight.transfer import advice
from molweight.transfer.advice import advise, choose_groups, how_measured, learn_groups
from molweight.transfer.data import TransferData
from molweight.transfer.designs import Grid, TransferConfig, TransferRun
from molweight.transfer.features import Features, make_features
from molweight.transfer.folds import make_folds
from molweight.transfer.gains import over_sizes
from molweight.transfer.scan import scan_alone, scan_context, scan_helper
from molweight.transfer.setting import Setting

from .conftest import family


def scanned(data: TransferData, features: Features, grid: Grid, config: TransferConfig) -> TransferRun:
    """A run of scores without any curves."""
    setting, tasks = Setting(data, features, grid), range(len(data.tasks))
    folds = make_folds(data, "compound", config.folds, config.seed)
    alone = np.stack([scan_alone(setting, fold) for fold in folds])
    pairs = np.stack([np.stack([scan_helper(setting, fold, j) for j in tasks], -1) for fold in folds])
    context = np.stack([np.stack([scan_context(setting, f, i)[0] for i in tasks], -1) for f in folds])
    counts = np.zeros((len(grid.context), len(tasks)))
    return TransferRun(data, config, grid, alone, pairs, context, counts, (), {}, (), {}, (), {})


@pytest.fixture(autouse=True)
def _without_affinities(monkeypatch):
    monkeypatch.setattr(advice, "MOST_TAG", 0)


@pytest.fixture(scope="module")
def like_tasks():
    data, grid = family(120), Grid((8, 16, 32), (8, 32), (32, 128))
    return scanned(data, make_features(data.smiles, "ecfp4"), grid, TransferConfig(folds=5))


def test_a_group_of_two_is_measured_as_its_pairs_were(like_tasks):
    found = advise(like_tasks)
    assert found.groups == ((0, 1), (2,))
    assert found.alike == 5
    pairs = [found.pairs.mean[0, 1], found.pairs.mean[1, 0]]
    np.testing.assert_allclose(found.over_own.tasks.mean[:2], pairs, atol=1e-6)
    np.testing.assert_allclose(found.expected[:2], pairs)
    assert found.over_own.tasks.mean[2] == 0
    np.testing.assert_allclose(found.over_own.mean.mean, sum(pairs) / 3, atol=1e-6)
    assert found.over_own.mean.low < found.over_own.mean.mean < found.over_own.mean.high
    np.testing.assert_allclose(found.over_everyone.tasks.mean[2], -found.everyone.mean[2], atol=1e-12)


def test_a_fold_has_no_say_in_the_groups_that_are_scored_on_it(like_tasks):
    """One fold says that all harm each other: it alone is learned in groups, and it alone gains."""
    pairs = like_tasks.pairs.copy()
    pairs[0] = like_tasks.alone[0][:, None, :, None] - 3.0
    found = advise(replace(like_tasks, pairs=pairs))
    assert found.groups == ((0,), (1,), (2,))
    assert found.alike == 4
    of_the_fold = over_sizes(like_tasks.pairs[:, :, -1] - like_tasks.alone[:, :, :, None])[0]
    gained = [of_the_fold[0, 1] / 5, of_the_fold[1, 0] / 5, 0.0]
    np.testing.assert_allclose(found.over_own.tasks.mean, gained, atol=1e-6)


@pytest.mark.parametrize("folds", [2, 3])
def test_what_few_folds_leave_is_too_little_to_choose_by(like_tasks, folds):
    config = replace(like_tasks.config, folds=folds)
    data, features = like_tasks.data, make_features(like_tasks.data.smiles, "ecfp4")
    found = advise(scanned(data, features, like_tasks.grid, config))
    np.testing.assert_array_equal(found.over_own.tasks.mean, 0)
    assert "So few folds hardly tell" in how_measured(found.alike, folds)
    assert "So few" not in how_measured(3, 4)


def test_tasks_of_no_transfer_gain_only_where_groups_are_scored_by_what_chose_them(monkeypatch):
    """At a level that lets luck name pairs."""
    grid, config = Grid((12,), (24,), (48,)), TransferConfig(level=0.1)
    flattered, measured = [], []
    for seed in range(12):
        data, features = make_family("independent", 200, 0.5, 0.0, seed)
        setting = Setting(data, features, grid)
        monkeypatch.setattr(advice, "make_setting", lambda *_, found=setting: found)
        run = scanned(data, features, grid, replace(config, seed=seed))
        groups = choose_groups(run.alone, run.pairs, config.level)
        folds = make_folds(data, "compound", config.folds, seed)
        scores = learn_groups(run, setting, folds, [groups] * config.folds)
        flattered.append((scores - run.alone).mean())
        measured.append(advise(run).over_own.mean.mean)
    assert min(flattered) >= 0
    assert np.mean(flattered) > 0.002
    assert np.mean(measured) < np.mean(flattered)
    error = np.std(measured, ddof=1) / np.sqrt(len(measured))
    assert np.mean(measured) - 1.8 * error < 0  # Student's, of 11
