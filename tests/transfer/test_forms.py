import numpy as np
import pytest

from molweight.transfer.forms import CEILING, FORMS

OWN, OTHER = np.array([8.0, 16.0, 64.0, 128.0]), np.array([0.0, 32.0, 0.0, 128.0])
PARAMETERS = {
    "exp3": [0.8, -1.0, 0.02],
    "exp3.2": [0.8, -1.0, 0.02, -0.004],
    "power": [0.9, 0.2, 0.6],
    "logarithm": [0.4, 0.07],
}


def test_values_are_those_of_the_formulas():
    found = {name: FORMS[name].value(np.array(p), OWN, OTHER) for name, p in PARAMETERS.items()}
    np.testing.assert_allclose(found["exp3"], 0.8 - np.exp(-1 - 0.02 * OWN))
    np.testing.assert_allclose(found["exp3.2"], 0.8 - np.exp(-1 - 0.02 * OWN + 0.004 * OTHER))
    np.testing.assert_allclose(found["power"], 0.9 - np.exp(0.2) * OWN**-0.6)
    np.testing.assert_allclose(found["logarithm"], 0.4 + 0.07 * np.log(OWN))


@pytest.mark.parametrize("name", FORMS)
def test_jacobians_are_the_derivatives(name):
    form, p, step = FORMS[name], np.array(PARAMETERS[name]), 1e-6
    numeric = [
        (form.value(p + step * unit, OWN, OTHER) - form.value(p - step * unit, OWN, OTHER)) / (2 * step)
        for unit in np.eye(len(p))
    ]
    np.testing.assert_allclose(form.jacobian(p, OWN, OTHER), np.array(numeric).T, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", FORMS)
def test_bounds_hold_the_truth_and_no_score_above_the_best(name):
    form, p = FORMS[name], np.array(PARAMETERS[name])
    low, high = form.bounds(OWN, OTHER, form.value(p, OWN, OTHER))
    assert ((low <= p) & (p <= high)).all()
    assert high[0] == CEILING


@pytest.mark.parametrize("name", FORMS)
def test_the_first_start_is_near_the_curve(name):
    own, other = np.repeat([8.0, 16, 32, 64, 128], 3), np.tile([0.0, 32, 128], 5)
    form = FORMS[name]
    scores = form.value(np.array(PARAMETERS[name]), own, other)
    start = form.starts(own, other, scores, np.ones_like(own))[0]
    assert np.abs(form.value(start, own, other) - scores).max() < 0.05
