import io
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from molweight.run_folder import RunFolder
from molweight.transfer import cost, engine, full, reference
from molweight.transfer.cost import foresee
from molweight.transfer.data import Reading
from molweight.transfer.designs import Grid, TransferConfig, make_grid
from molweight.transfer.engine import run_transfer
from molweight.transfer.folds import make_folds
from molweight.transfer.full import train_alone, train_context, train_helper
from molweight.transfer.network import NetworkConfig, sampled_labels, train_network
from molweight.transfer.run_transfer import TransferFiles, transfer
from molweight.transfer.scan import scan_context
from molweight.transfer.scoring import score_task
from molweight.transfer.setting import make_setting

from .conftest import family

CONFIG = TransferConfig(
    folds=3,
    points=3,
    smallest=8,
    largest=48,
    network=NetworkConfig(8, 16, 8),
    design="full",
    reference=False,
)


@pytest.fixture
def setting(data):
    return make_setting(data, CONFIG, Grid((8, 16, 64), (8, 64), (20, 200)))


@pytest.fixture
def small_run(monkeypatch):
    """Few trees, and no curves, as where there are too few scores: they take most of the time."""
    monkeypatch.setattr(reference, "TREES", 5)
    monkeypatch.setattr(engine, "fit_alone", lambda *arguments: None)
    monkeypatch.setattr(engine, "fit_with_others", lambda *arguments: None)


@pytest.fixture
def fold(data):
    return make_folds(data, "compound", 4, 0)[1]


def test_a_score_is_that_of_a_network_for_the_two_samples(setting, fold):
    own, other, test = fold.orders[0][:16], fold.orders[1][:64], fold.tests[0]
    molecules, labels = sampled_labels(setting.data.labels, [(0, own), (1, other)])
    values = setting.features.values
    predicted = train_network(values[molecules], labels, values[test], "regression", CONFIG.network, 0)[:, 0]
    truth = setting.data.labels[test, 0].astype(np.float64)
    expected = score_task("regression", truth, predicted.astype(np.float64))
    assert train_helper(setting, fold, 1)[1, 1, 0] == expected


def test_a_like_task_helps_and_noise_does_not(setting, fold):
    longer = replace(setting, config=replace(CONFIG, network=NetworkConfig(80, 32, 32, lr=1e-2)))
    alone, like, noise = (
        train_alone(longer, fold),
        train_helper(longer, fold, 1),
        train_helper(longer, fold, 2),
    )
    assert like[0, 1, 0] > alone[0, 0] + 0.2
    assert noise[0, 1, 0] < like[0, 1, 0] - 0.2


def test_a_task_does_not_help_itself_and_sizes_that_are_not_there_have_no_score(setting, fold):
    large = replace(setting, grid=Grid((8, 16, 1_000), (8, 1_000), (20, 200)))
    assert np.isnan(train_alone(large, fold)[2]).all()
    found = train_helper(large, fold, 1)
    assert np.isnan(found[:, :, 1]).all()
    assert np.isnan(found[:, 1]).all()
    assert np.isfinite(found[:2, 0, [0, 2]]).all()


def test_the_context_is_of_the_samples_that_the_closed_form_takes(setting, fold):
    scores, counts = train_context(setting, fold, 0)
    assert scores.shape == (3, 2)
    np.testing.assert_array_equal(counts, scan_context(setting, fold, 0)[1])


@pytest.mark.parametrize("fold_kind", ["compound", "scaffold"])
def test_a_run_has_the_arrays_of_the_closed_form(data, tmp_path, fold_kind, small_run):
    config = replace(CONFIG, fold_kind=fold_kind, reference=True)
    full = run_transfer(data, config, RunFolder(tmp_path / "full"), jobs=1)
    efficient = replace(config, design="efficient", confirm=0)
    closed = run_transfer(data, efficient, RunFolder(tmp_path / "closed"), jobs=1)
    for name in ("alone", "pairs", "context"):
        of_full, of_closed = getattr(full, name), getattr(closed, name)
        np.testing.assert_array_equal(np.isnan(of_full), np.isnan(of_closed))
        assert not np.array_equal(of_full, of_closed, equal_nan=True)
    for name in ("context_samples", "reference"):
        np.testing.assert_array_equal(getattr(full, name), getattr(closed, name))


def test_ten_folds_are_as_good_as_three(data):
    setting = make_setting(data, replace(CONFIG, folds=10), Grid((8, 16, 24), (8,), (20,)))
    folds = make_folds(data, "compound", 10, 0)
    assert np.isfinite([train_alone(setting, fold)[:, 0] for fold in folds]).all()


def test_an_interrupted_run_goes_on_to_the_same_numbers(data, tmp_path, monkeypatch, small_run):
    whole = run_transfer(data, CONFIG, RunFolder(tmp_path / "whole"), jobs=1)
    parts, done = engine.PARTS["full"], []

    def dies(setting, fold, helper):
        if len(done) == 4:
            raise KeyboardInterrupt
        done.append(helper)
        return parts.helper(setting, fold, helper)

    kept = RunFolder(tmp_path / "kept")
    monkeypatch.setitem(engine.PARTS, "full", replace(parts, helper=dies))
    with pytest.raises(KeyboardInterrupt):
        run_transfer(data, CONFIG, kept, jobs=1)
    counted = replace(parts, helper=lambda *a: done.append(a[2]) or parts.helper(*a))
    monkeypatch.setitem(engine.PARTS, "full", counted)
    resumed = run_transfer(data, CONFIG, kept, jobs=1)
    assert len(done) == 9  # three folds of three helpers, none twice
    np.testing.assert_array_equal(resumed.pairs, whole.pairs)


@pytest.mark.parametrize("design", ["full", "walk"])
def test_what_is_foreseen_counts_what_is_trained(data, tmp_path, design, monkeypatch, small_run):
    config = replace(CONFIG, design=design, confirm=0, reference=False, network=NetworkConfig(20, 16, 8))
    monkeypatch.setattr(cost, "_timed", lambda work: 1.0)
    points = len(make_grid(data, config).own) if design == "full" else 1
    foreseen = foresee(data, config, jobs=1) / points
    asked, trained = [], full.train_over_sizes
    monkeypatch.setattr(full, "train_over_sizes", lambda *told: asked.append(told) or trained(*told))
    run_transfer(data, config, RunFolder(tmp_path / "run"), jobs=1)
    in_groups = len(data.tasks) * config.folds  # learned when the run is told of
    assert foreseen == len(asked) + in_groups


@pytest.mark.parametrize(("design", "said"), [("full", True), ("walk", False)])
def test_a_report_says_how_its_scores_were_made(tmp_path, design, said, small_run):
    import pandas as pd

    data = family(60)
    columns = dict(zip(data.tasks, data.labels.T, strict=True))
    pd.DataFrame({"smiles": data.smiles, **columns}).to_csv(tmp_path / "wide.csv", index=False)
    files = TransferFiles(tmp_path / "wide.csv", Reading(), tmp_path / "out", jobs=1)
    config = replace(CONFIG, design=design, confirm=0, largest=24, reference=True)
    console = Console(file=io.StringIO(), width=200)
    transfer(files, config, ["transfer", "wide.csv"], console)
    told = console.file.getvalue()
    assert f"in the {design} design" in told
    assert ("nothing remains to be confirmed" in told) == said
    assert "a random forest" in told
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert ("trained afresh at every point" in page) == said
    assert ("walks from one size" in page) != said
    assert "kernel ridge" not in page
