import json

import numpy as np
import pytest

from molweight.transfer.curves import Fit, compare_forms, fit_curve
from molweight.transfer.forms import EXP3, EXP3_2, FORMS

OWN = np.array([16.0, 32, 64, 128, 256])
PAIR_OWN, PAIR_OTHER = np.repeat(OWN, 4), np.tile([0.0, 16, 64, 256], 5)
HELPS, HARMS, NOTHING = (0.85, -1.0, 0.015, 0.005), (0.85, -1.0, 0.015, -0.003), (0.85, -1.0, 0.015, 0.0)


def scores(form, parameters, own, other, noise, seed, folds=5):
    generator = np.random.default_rng(seed)
    exact = form.value(np.array(parameters), own, other)
    return exact + generator.normal(0, noise, (folds, len(own)))


@pytest.mark.parametrize("planted", [HELPS, HARMS, NOTHING])
def test_planted_parameters_are_recovered_without_noise(planted):
    exact = scores(EXP3_2, planted, PAIR_OWN, PAIR_OTHER, 1e-6, 0)
    found = fit_curve(EXP3_2, PAIR_OWN, PAIR_OTHER, exact)
    np.testing.assert_allclose(found.values, planted, rtol=1e-3, atol=1e-5)
    assert all(each.identified for each in found.parameters.values())
    assert found.residual < 1e-5


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_every_form_recovers_its_own_curve(form):
    planted = {"exp3": [0.8, -1, 0.02], "exp3.2": HELPS, "power": [0.9, 0.2, 0.6], "logarithm": [0.4, 0.07]}
    own, other = (PAIR_OWN, PAIR_OTHER) if form is EXP3_2 else (OWN, np.zeros(5))
    exact = scores(form, planted[form.name], own, other, 1e-7, 1)
    found = fit_curve(form, own, other, exact)
    np.testing.assert_allclose(found.predict(own, other), exact.mean(0), atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("planted", [HELPS, HARMS])
def test_intervals_hold_the_truth_as_often_as_they_say(planted):
    runs = 60
    held = np.zeros(4)
    for seed in range(runs):
        noisy = scores(EXP3_2, planted, PAIR_OWN, PAIR_OTHER, 0.02, seed)
        found = fit_curve(EXP3_2, PAIR_OWN, PAIR_OTHER, noisy, level=0.9).parameters.values()
        held += [each.low <= truth <= each.high for each, truth in zip(found, planted, strict=True)]
    # 0.9 of 60 is 54, with a standard deviation of 2.3
    assert ((held >= 46) & (held < 60)).all(), held


@pytest.mark.slow
def test_a_pair_without_transfer_is_seldom_said_to_have_one():
    said = 0
    for seed in range(40):
        noisy = scores(EXP3_2, NOTHING, PAIR_OWN, PAIR_OTHER, 0.02, seed)
        rate = fit_curve(EXP3_2, PAIR_OWN, PAIR_OTHER, noisy).parameters["a_other"]
        said += rate.low > 0 or rate.high < 0
    assert said <= 6  # 2 are to be expected at 95 %


def test_a_rate_is_not_identified_where_the_other_samples_do_not_vary():
    for other in (np.zeros(5), np.full(5, 64.0)):
        noisy = scores(EXP3_2, HELPS, OWN, other, 0.01, 0)
        found = fit_curve(EXP3_2, OWN, other, noisy).parameters
        assert not found["a_other"].identified
    rate = found["a_other"]
    low, high = EXP3_2.bounds(OWN, other, noisy.mean(0))
    assert (rate.low, rate.high) == (low[3], high[3])


def test_a_flat_curve_does_not_tell_its_ceiling_from_its_amplitude():
    flat = 0.7 + np.random.default_rng(0).normal(0, 1e-9, (5, 5))
    found = fit_curve(EXP3, OWN, np.zeros(5), flat)
    assert not all(each.identified for each in found.parameters.values())
    np.testing.assert_allclose(found.predict(OWN, np.zeros(5)), 0.7, atol=1e-4)


def test_a_curve_that_falls_with_its_own_samples_is_fitted_flat():
    falling = np.linspace(0.8, 0.6, 5) + np.zeros((4, 1))
    falling += np.random.default_rng(0).normal(0, 1e-3, falling.shape)
    found = fit_curve(EXP3, OWN, np.zeros(5), falling)
    predicted = found.predict(OWN, np.zeros(5))
    assert (np.diff(predicted) >= -1e-9).all()
    assert np.ptp(predicted) < 0.05


def test_points_without_scores_are_left_out():
    noisy = scores(EXP3, [0.8, -1, 0.02], OWN, np.zeros(5), 1e-6, 0)
    noisy[1:, 2] = np.nan
    noisy[0, 4] = np.nan
    found = fit_curve(EXP3, OWN, np.zeros(5), noisy)
    np.testing.assert_allclose(found.values, [0.8, -1, 0.02], rtol=1e-3)


def test_too_few_points_are_an_error():
    few = np.full((5, 5), np.nan)
    few[:, :2] = 0.5
    with pytest.raises(ValueError, match="3 parameters, and there are 2 points"):
        fit_curve(EXP3, OWN, np.zeros(5), few)
    with pytest.raises(ValueError, match="there are 0 points"):
        fit_curve(EXP3, OWN, np.zeros(5), np.full((1, 5), 0.5))


def test_the_same_scores_give_the_same_fit_and_json_gives_it_back():
    noisy = scores(EXP3_2, HELPS, PAIR_OWN, PAIR_OTHER, 0.02, 0)
    first, second = (fit_curve(EXP3_2, PAIR_OWN, PAIR_OTHER, noisy) for _ in range(2))
    assert first.to_json() == second.to_json()
    again = Fit.from_json(json.loads(json.dumps(first.to_json())))
    assert again.parameters == first.parameters
    np.testing.assert_array_equal(again.covariance, first.covariance)
    for one, other in zip(again.band(OWN, OWN), first.band(OWN, OWN), strict=True):
        np.testing.assert_array_equal(one, other)


def test_bands_hold_the_curve_and_widen_beyond_the_scores():
    noisy = scores(EXP3_2, HELPS, PAIR_OWN, PAIR_OTHER, 0.02, 3)
    found = fit_curve(EXP3_2, PAIR_OWN, PAIR_OTHER, noisy, level=0.99)
    low, high = found.band(PAIR_OWN, PAIR_OTHER)
    truth = EXP3_2.value(np.array(HELPS), PAIR_OWN, PAIR_OTHER)
    assert ((low <= truth) & (truth <= high)).all()
    assert (low < found.predict(PAIR_OWN, PAIR_OTHER)).all()


@pytest.mark.parametrize("name", ["exp3", "power", "logarithm"])
def test_the_form_that_made_the_scores_foretells_them_best(name):
    own = np.array([8.0, 16, 32, 64, 128, 512])
    planted = {"exp3": [0.85, -0.8, 0.03], "power": [0.95, 0.5, 0.6], "logarithm": [0.4, 0.06]}[name]
    exact = scores(FORMS[name], planted, own, np.zeros(6), 1e-6, 0)
    errors = compare_forms(own, np.zeros(6), exact)
    assert min(errors, key=errors.get) == name
    assert errors[name] < 0.01
