import numpy as np
import pytest
import torch

from molweight.encoders.gin import GIN
from molweight.errors import DataError
from molweight.screening.trials import Trial, Trials, best_method, scores_on_test
from molweight.solver import StepRecord
from molweight.tasks.metrics import METRICS

RECORD = StepRecord(
    step=1,
    weights={"a": 0.4, "b": 0.6},
    losses={"a": 1.0, "b": 2.0},
    cosines={"a": float("nan"), "b": 0.1},
    hypergradient={"a": float("nan"), "b": -0.1},
    finetune_loss=0.3,
    valid_loss=float("nan"),
    residuals={},
    statuses={},
)


def trial(method, seed, valid, predicted=(0.0,), **more):
    return Trial(method, seed, valid, np.array(predicted, np.float32)[:, None], 1.5, **more)


def test_a_kept_trial_comes_back_to_the_last_bit(tmp_path):
    encoder = GIN(2, 8)
    kept = Trials(tmp_path / "trials")
    kept.begin({}, False, False)
    made = trial(
        "tapweight", 3, 1 / 3, weights=RECORD.weights, history=[RECORD], encoder=encoder.state_dict()
    )
    assert kept.load("tapweight", 3) is None
    kept.snapshot("tapweight", 3).write_text("left by weight learning")
    kept.save(made)
    again = kept.load("tapweight", 3)
    assert (again.valid, again.seconds, again.weights) == (made.valid, made.seconds, made.weights)
    assert repr(again.history) == repr(made.history)
    assert (again.predicted == made.predicted).all()
    rebuilt = again.rebuild_encoder(encoder).state_dict()
    assert all(torch.equal(rebuilt[name], value) for name, value in encoder.state_dict().items())
    assert not kept.snapshot("tapweight", 3).exists()


def test_a_damaged_trial_is_refused(tmp_path):
    kept = Trials(tmp_path / "trials")
    kept.begin({}, False, False)
    kept.save(trial("rf", 0, 0.5))
    (path,) = (tmp_path / "trials").glob("rf*")
    path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(DataError, match="not a trial of this version"):
        kept.load("rf", 0)


@pytest.mark.parametrize(("metric", "expected"), [("roc_auc", "b"), ("rmse", "a")])
def test_the_best_mean_over_seeds_is_chosen(metric, expected):
    trials = [trial("a", 0, 0.1), trial("a", 1, 0.8), trial("b", 0, 0.5), trial("b", 1, 0.6)]
    assert best_method(trials, METRICS[metric]) == expected


def test_of_equal_methods_the_first_is_chosen():
    assert best_method([trial("a", 0, 0.5), trial("b", 0, 0.5)], METRICS["rmse"]) == "a"


def test_test_scores_are_by_method_and_seed_and_unknown_where_there_is_one_class():
    labels = np.array([[0.0], [1.0]], np.float32)
    trials = [trial("a", 0, 0, (0, 1)), trial("a", 1, 0, (1, 0)), trial("b", 0, 0, (1, 1))]
    found = scores_on_test(trials, METRICS["roc_auc"], labels, ("y",))
    assert found == {"a": [1.0, 0.0], "b": [0.5]}
    (unknown,) = scores_on_test(trials[:1], METRICS["roc_auc"], np.ones((2, 1), np.float32), ("y",))["a"]
    assert np.isnan(unknown)
