import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from objective_runs import CPU, one_task

from molweight.encoders.checkpoints import load_encoder
from molweight.errors import ConfigError, DataError
from molweight.run_folder import RunFolder
from molweight.solver import LoopConfig
from molweight.tasks.reweight import ReweightConfig
from molweight.transfer.closed_form import learn
from molweight.transfer.features import encoder_features, make_features
from molweight.transfer.folds import make_folds
from molweight.transfer.objective_curves import (
    adapt,
    foresee,
    identity,
    learn_on_fold,
    run_objectives,
    score_adapted,
    score_checkpoint,
)
from molweight.transfer.objective_designs import (
    Asked,
    ObjectivesConfig,
    corpus,
    make_study,
    with_unlabelled,
)
from molweight.transfer.scoring import score_task

from .conftest import smiles

TWO = ("attribute_masking", "edge_prediction")


@pytest.fixture
def config(small_checkpoint):
    solver = ReweightConfig(LoopConfig(steps=3, warmup=1), pretrain_batch=16, finetune_batch=16)
    return ObjectivesConfig(
        TWO,
        (16, "all"),
        folds=3,
        fold_kind="compound",
        points=3,
        smallest=8,
        largest=32,
        epochs=1,
        batch_size=8,
        weight_runs=1,
        reweight=solver,
        checkpoint=small_checkpoint,
    )


@pytest.fixture
def data():
    return one_task(smiles(60))


@pytest.fixture
def folds(data, config):
    return make_folds(data, config.fold_kind, config.folds, config.seed)


@pytest.fixture
def study(data, config, folds):
    return make_study(Asked(data, ("CCCCCCCC", "CCCCCCCCC")), config, folds, CPU)


def test_no_tested_molecule_is_pretrained_on_and_all_others_are(study, data, folds):
    for number, fold in enumerate(folds):
        tested = {data.smiles[m] for m in fold.tests[0]}
        there = corpus(study, fold, number, 0)
        assert set(there) == set(data.smiles) - tested | {"CCCCCCCC", "CCCCCCCCC"}
        assert len(there) == len(set(there)) == 42
        assert corpus(study, fold, number, 1) != there


def test_all_is_what_every_fold_has(study):
    assert study.grid.other == (16, 42)
    assert study.grid.own == (8, 16, 32)


@pytest.mark.parametrize(
    ("molecules", "message"),
    [
        ((50,), "a fold has 40 molecules"),
        ((4,), "numbers of 8"),
        ((), "numbers of 8"),
        ((4, "all"), "numbers of 8"),
    ],
)
def test_numbers_of_molecules_that_cannot_be(data, config, folds, molecules, message):
    with pytest.raises(ConfigError, match=message):
        make_study(Asked(data), replace(config, molecules=molecules), folds, CPU)


def test_molecules_of_a_file_are_neither_labelled_nor_held_back(data, tmp_path):
    path = tmp_path / "more.csv"
    rows = [data.smiles[0], "OCC", "C1CC", "F/C=C/F", "F/C=C\\F", "CCl", "C(C)O", "CCBr"]
    path.write_text("\n".join(["smiles", *rows, ""]))
    found = with_unlabelled(data, path, ["ClC"])
    assert found.unlabelled == ("OCC", "F/C=C/F", "CCBr")
    assert (
        "3 unlabelled molecules; 1 rows that are no molecules, 2 that came before, and 2" in found.remarks[0]
    )
    with pytest.raises(DataError, match="none of 8 rows"):
        with_unlabelled(data, path, rows)


def test_the_score_is_of_ridge_on_features_scaled_by_molecules_of_other_folds(study, data, folds):
    fold, encoder = folds[0], load_encoder(study.config.checkpoint)
    values = make_features(data.smiles, "gin", study.config.checkpoint).values
    scaled = encoder_features(data.smiles, encoder, fold.orders[0]).values.astype(np.float64)
    np.testing.assert_allclose(scaled[fold.orders[0]].mean(0), 0, atol=1e-6)
    assert not np.allclose(values, scaled)
    order, test = fold.orders[0][:16], fold.tests[0]
    labels = data.labels[:, 0].astype(np.float64)
    predicted = learn(scaled[order] @ scaled[order].T, scaled[test] @ scaled[order].T, labels[order]).values
    expected = score_task("regression", labels[test], predicted)
    assert score_checkpoint(study, fold)[1] == pytest.approx(max(expected, 0.0), rel=1e-4)


def test_a_score_is_no_worse_than_that_of_the_folds_mean(study, folds):
    fold, data = folds[0], study.asked.data
    turned = data.labels.copy()
    turned[fold.tests[0]] *= -1
    opposed = replace(study, asked=Asked(replace(data, labels=turned)))
    np.testing.assert_array_equal(score_checkpoint(opposed, fold), 0)
    assert score_checkpoint(study, fold).max() > 0


@pytest.mark.parametrize("objective", ["edge_prediction", "descriptor_prediction"])
def test_adapting_changes_the_encoder_and_repeats_itself(study, data, objective):
    before = load_encoder(study.config.checkpoint)
    first, second = (
        adapt(copy.deepcopy(before), data.smiles[:16], objective, study.config, CPU, seed=3) for _ in range(2)
    )
    for old, one, two in zip(before.parameters(), first.parameters(), second.parameters(), strict=True):
        assert torch.equal(one, two)
        assert old.shape == one.shape
    assert any(not torch.equal(a, b) for a, b in zip(before.parameters(), first.parameters(), strict=True))


def test_pretrainings_and_numbers_of_molecules_differ(study, folds):
    found = [score_adapted(study, folds[0], 0, TWO[0], m, p) for m, p in ((16, 0), (16, 1), (42, 0))]
    assert all(np.isfinite(scores).all() for scores in found)
    assert not np.allclose(found[0], found[1])
    assert not np.allclose(found[0], found[2])


def test_a_run_has_scores_fits_and_weights_and_resumes(study, folds, tmp_path):
    kept = RunFolder(tmp_path / "run")
    kept.begin(identity(study), resume=False, overwrite=False)
    run = run_objectives(study, folds, kept, jobs=1)
    assert run.alone.shape == (3, 3)
    assert run.adapted.shape == (3, 3, 2, 2, 2)
    expected = score_adapted(study, folds[2], 2, TWO[1], 16, 1)
    np.testing.assert_array_equal(run.adapted[2, :, 0, 1, 1], expected)
    assert sum(run.learned[0].weights.values()) == pytest.approx(1, abs=1e-6)
    assert set(run.learned[0].cosines) == set(TWO)
    (kept.folder / "1-edge_prediction-42-0.json").unlink()
    kept.begin(identity(study), resume=True, overwrite=False)
    again = run_objectives(study, folds, kept, jobs=1)
    np.testing.assert_array_equal(run.adapted, again.adapted)
    assert run.learned == again.learned


def test_weights_repeat_themselves_and_differ_between_folds(study, folds):
    learned = learn_on_fold(study, folds[0], 0)
    assert learned == learn_on_fold(study, folds[0], 0)
    assert learned != learn_on_fold(study, folds[1], 1)


def test_the_cost_grows_with_what_is_asked(study, folds):
    more = replace(study, config=replace(study.config, pretrainings=60))
    assert 0 < foresee(study, folds, jobs=1) < foresee(more, folds, jobs=1)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"folds": 1}, "folds must be 2 or more"),
        ({"pretrainings": 0}, "pretrainings must be 1 or more"),
        ({"epochs": 0}, "epochs must be 1 or more"),
        ({"weight_runs": 6}, "no more than the 5 folds"),
    ],
)
def test_settings_that_cannot_be(settings, message):
    with pytest.raises(ConfigError, match=message):
        ObjectivesConfig(**settings)
