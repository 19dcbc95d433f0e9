import numpy as np
import pytest

from molweight.transfer.closed_form import CORRELATIONS, RIDGES, Help, Helper, _errors, learn, standardised

SETTINGS = [(ridge, sign * rho) for ridge in RIDGES for rho in CORRELATIONS for sign in (1, -1)]


@pytest.fixture
def problem():
    """Kernels among 12 own, 9 of a helper and 5 test molecules, two of them shared, and labels."""
    generator = np.random.default_rng(0)
    x = generator.normal(size=(26, 4))
    x[12:14] = x[:2]
    kernel = np.exp(-0.5 * ((x[:, None] - x[None]) ** 2).sum(2))
    return kernel, generator.normal(size=12) + 3, generator.normal(size=9)


def parts(kernel):
    own, other, test = slice(0, 12), slice(12, 21), slice(21, 26)
    return kernel[own, own], kernel[test, own], kernel[other, other], kernel[other, own], kernel[other, test]


def joint(kernel, rho, ridge):
    """The dense matrix of both tasks."""
    k, _, helper, cross, _ = parts(kernel)
    return np.block([[k, rho * cross.T], [rho * cross, helper]]) + ridge * np.eye(21)


def test_leave_one_out_errors_are_those_of_leaving_one_out(problem):
    kernel, labels, others = problem
    k, _, helper, cross, _ = parts(kernel)
    y, z = standardised(labels), standardised(others)
    help = Help(Helper.of(helper, z), cross, np.zeros((9, 0)))
    projected = help.helper.vectors.T @ cross
    found = {each[1:]: each[0] for ridge in RIDGES for each in _errors(k, y, projected, help, ridge)}
    both = np.concatenate([y, z])
    for ridge, rho in SETTINGS:
        whole = joint(kernel, rho, ridge)
        missed = []
        for out in range(12):
            rest = np.delete(np.arange(21), out)
            missed.append(y[out] - whole[out, rest] @ np.linalg.solve(whole[np.ix_(rest, rest)], both[rest]))
        assert found[ridge, rho] == pytest.approx(np.mean(np.square(missed)), rel=1e-9)


def test_predictions_are_those_of_the_dense_joint_matrix(problem):
    kernel, labels, others = problem
    k, test, helper, cross, to_test = parts(kernel)
    y, z = standardised(labels), standardised(others)
    found = learn(k, test, labels, Help(Helper.of(helper, z), cross, to_test))
    alpha = np.linalg.solve(joint(kernel, found.correlation, found.ridge), np.concatenate([y, z]))
    dense = np.hstack([test, found.correlation * to_test.T]) @ alpha
    np.testing.assert_allclose(found.values, labels.mean() + labels.std() * dense, rtol=1e-9)


def test_the_setting_of_the_smallest_error_is_chosen(problem):
    kernel, labels, others = problem
    k, test, helper, cross, to_test = parts(kernel)
    help = Help(Helper.of(helper, standardised(others)), cross, to_test)
    found = learn(k, test, labels, help)
    projected = help.helper.vectors.T @ cross
    errors = [e for ridge in RIDGES for e in _errors(k, standardised(labels), projected, help, ridge)]
    assert (found.ridge, found.correlation) == min(errors)[1:]


def test_without_a_helper_it_is_kernel_ridge_regression(problem):
    from sklearn.kernel_ridge import KernelRidge

    kernel, labels, _ = problem
    k, test, *_ = parts(kernel)
    found = learn(k, test, labels)
    reference = KernelRidge(alpha=found.ridge, kernel="precomputed").fit(k, labels - labels.mean())
    np.testing.assert_allclose(found.values, labels.mean() + reference.predict(test), rtol=1e-9)
    assert found.correlation == 0


def related(sign):
    """Few own samples of a function that a helper has many of, up to the sign."""
    generator = np.random.default_rng(1)
    x = generator.normal(size=(120, 3))
    truth = np.sin(x[:, 0]) + x[:, 1]
    kernel = np.exp(-0.5 * ((x[:, None] - x[None]) ** 2).sum(2))
    own, other, test = np.arange(10), np.arange(10, 70), np.arange(70, 120)
    helper = Helper.of(kernel[np.ix_(other, other)], standardised(sign * truth[other]))
    help = Help(helper, kernel[np.ix_(other, own)], kernel[np.ix_(other, test)])
    alone = learn(kernel[np.ix_(own, own)], kernel[np.ix_(test, own)], truth[own])
    together = learn(kernel[np.ix_(own, own)], kernel[np.ix_(test, own)], truth[own], help)
    return [np.mean((each.values - truth[test]) ** 2) for each in (alone, together)], together.correlation


@pytest.mark.parametrize("sign", [1, -1])
def test_a_related_task_helps_with_either_sign(sign):
    (alone, together), correlation = related(sign)
    assert together < 0.5 * alone
    assert correlation == sign * max(CORRELATIONS)


def test_labels_that_are_all_the_same_are_predicted():
    k = np.eye(4) + 0.1
    assert learn(k, k[:2], np.full(4, 7.0)).values == pytest.approx([7, 7])
