import numpy as np
import pytest

from molweight.errors import ConfigError
from molweight.transfer.curves import Fit, fit_curve
from molweight.transfer.forecast import Samples, forecast_change, parse_counts, sentence
from molweight.transfer.forms import FORMS

OWN = np.repeat([10.0, 20.0, 40.0, 80.0], 4)
OTHER = np.tile([0.0, 30.0, 60.0, 120.0], 4)
TRUTH = np.array([0.9, -0.5, 0.02, 0.005])


def planted(noise: float, seed: int, other=OTHER) -> Fit:
    form = FORMS["exp3.2"]
    clean = form.value(TRUTH, OWN, other)
    scores = clean + np.random.default_rng(seed).normal(0, noise, (5, len(OWN)))
    return fit_curve(form, OWN, other, scores, resamples=30)


def true_change(now: Samples, then: Samples) -> float:
    own, other = np.array([now.own, then.own]), np.array([now.other, then.other])
    return float(np.diff(FORMS["exp3.2"].value(TRUTH, own, other))[0])


def test_the_change_is_that_of_the_curve_and_its_interval_holds_it():
    now, then = Samples(20), Samples(20, 100)
    truth, held = true_change(now, then), 0
    for seed in range(20):
        found = forecast_change(planted(0.01, seed), now, then)
        assert found.after - found.before == pytest.approx(truth, abs=0.05)
        held += found.low <= truth <= found.high
    assert held >= 16  # of 20, at a nominal 19


def test_nothing_added_is_no_change():
    found = forecast_change(planted(0.01, 0), Samples(20, 30), Samples(20, 30))
    assert found.low == found.high == 0
    assert not found.told


def test_a_rate_that_is_not_identified_is_no_ground_for_a_forecast():
    fit = planted(0.01, 0, other=np.zeros_like(OTHER))
    found = forecast_change(fit, Samples(20), Samples(20, 100))
    assert found.unknown == ("a_other",)
    assert not found.told
    text = sentence(found, "logS", {"logP": 100}, {"logS": 20, "logP": 0}, "R²")
    assert "cannot be foretold" in text
    assert "a_other is not identified" in text
    assert not forecast_change(fit, Samples(20), Samples(40)).unknown


def test_sizes_past_those_of_the_fit_are_said():
    fit = planted(0.01, 0)
    found = forecast_change(fit, Samples(20), Samples(20, 500))
    assert found.beyond == ("other",)
    text = sentence(found, "logS", {"logP": 500}, {"logS": 20, "logP": 0}, "R²")
    assert "past the largest samples of the other task" in text
    assert "500 more samples of logP beside 20 of logS and 0 of logP" in text
    within = forecast_change(fit, Samples(20), Samples(20, 100))
    assert "past" not in sentence(within, "logS", {"logP": 100}, {"logS": 20, "logP": 0}, "R²")


def test_an_uncertain_change_is_called_so():
    found = forecast_change(planted(0.2, 0), Samples(20), Samples(20, 30))
    assert not found.told
    assert "do not tell this from no change" in sentence(found, "A", {"B": 30}, {"A": 20, "B": 0}, "R²")


@pytest.mark.parametrize("text", ["B", "B=", "B=-3", "B=0", "B=2.5", "Z=3", "=3", "B=²"])
def test_what_is_no_addition_is_refused(text):
    with pytest.raises(ConfigError, match="--add"):
        parse_counts("--add", [text], ["A", "B"], 1)


def test_a_task_is_named_once():
    with pytest.raises(ConfigError, match="named twice"):
        parse_counts("--add", ["B=1", "B=2"], ["A", "B"], 1)
    assert parse_counts("--have", ["a=b=0"], ["a=b"], 0) == {"a=b": 0}
