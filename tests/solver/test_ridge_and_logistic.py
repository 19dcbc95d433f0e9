"""A three-level problem whose levels scikit-learn and SciPy solve, against finite differences of all of it.

Level I    K weighted ridge regressions, each on its own data
Level II   ridge or logistic regression held near θ
Level III  logistic loss
"""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from scipy.optimize import root
from scipy.special import expit, softmax
from sklearn.linear_model import Ridge
from sklearn.metrics import log_loss
from torch.nn.functional import binary_cross_entropy_with_logits

from molweight.solver import Composed, Hypergradient, conjugate_gradient, hypergradient

ROWS, WIDTH, PENALTY = 40, 6, 0.05
SOLVE = conjugate_gradient(steps=3 * WIDTH, tolerance=1e-14)


@dataclass(frozen=True)
class ThreeLevelRegression:
    """Data of every level, and the exact solution of each by another library."""

    pretrain: tuple[np.ndarray, np.ndarray]  # [objectives, rows, width], [objectives, rows]
    train: tuple[np.ndarray, np.ndarray]
    valid: tuple[np.ndarray, np.ndarray]
    logistic: bool  # level II
    proximal: float

    @classmethod
    def random(cls, objectives: int, logistic: bool, proximal: float) -> "ThreeLevelRegression":
        generator = np.random.default_rng(objectives)
        x = generator.normal(size=(objectives + 2, ROWS, WIDTH)) * np.geomspace(1, 0.1, WIDTH)
        truths = generator.normal(size=WIDTH) + generator.normal(size=(objectives + 2, WIDTH))
        y = np.einsum("krw,kw->kr", x, truths) + 0.5 * generator.normal(size=(objectives + 2, ROWS))
        train_y = (y[-2] > 0).astype(float) if logistic else y[-2]
        return cls((x[:-2], y[:-2]), (x[-2], train_y), (x[-1], (y[-1] > 0).astype(float)), logistic, proximal)

    def pretrained(self, logits: np.ndarray) -> np.ndarray:
        x, y = self.pretrain
        weights = np.repeat(softmax(logits) / ROWS, ROWS)
        return ridge(x.reshape(-1, WIDTH), y.reshape(-1), weights, PENALTY)

    def finetuned(self, theta: np.ndarray) -> np.ndarray:
        x, y = self.train
        if self.logistic:
            return anchored_logistic(x, y, theta, self.proximal)
        return theta + ridge(x, y - x @ theta, np.full(ROWS, 1 / ROWS), 2 * self.proximal)

    def outer(self, logits: np.ndarray) -> float:
        """The validation loss as a function of the logits alone."""
        x, y = self.valid
        return log_loss(y, expit(x @ self.finetuned(self.pretrained(logits))))

    def slope(self, logits: np.ndarray, step: float = 1e-4) -> np.ndarray:
        """Its central finite differences."""
        moves = step * np.eye(len(logits))
        return np.array([(self.outer(logits + m) - self.outer(logits - m)) / (2 * step) for m in moves])


def ridge(x, y, weights, penalty):
    """argmin ½ Σ weights (x·w − y)² + ½ penalty ‖w‖²."""
    model = Ridge(alpha=penalty, fit_intercept=False, solver="cholesky")
    return model.fit(x, y, sample_weight=weights).coef_


def anchored_logistic(x, y, theta, proximal):
    """argmin of the mean logistic loss + proximal ‖w − θ‖²; scikit-learn's has no θ to be held near."""

    def gradient(w):
        return x.T @ (expit(x @ w) - y) / ROWS + 2 * proximal * (w - theta)

    def hessian(w):
        p = expit(x @ w)
        return x.T * (p * (1 - p) / ROWS) @ x + 2 * proximal * np.eye(WIDTH)

    return root(gradient, theta, jac=hessian, tol=1e-14).x


def solved(problem: ThreeLevelRegression, logits: np.ndarray, **options) -> Hypergradient:
    """Our hypergradient, at the solutions of the other libraries."""
    theta = problem.pretrained(logits)
    omega = problem.finetuned(theta)
    (x, y), (train_x, train_y), (valid_x, valid_y) = (
        tuple(torch.tensor(array) for array in pair)
        for pair in (problem.pretrain, problem.train, problem.valid)
    )

    def pretrain_losses(p):
        return 0.5 * (x @ p["w"] - y).square().mean(1) + 0.5 * PENALTY * p["w"].square().sum()

    def train_loss(outputs):
        if problem.logistic:
            return binary_cross_entropy_with_logits(outputs, train_y)
        return 0.5 * (outputs - train_y).square().mean()

    return hypergradient(
        pretrain_losses,
        Composed(lambda p: train_x @ p["w"], train_loss),
        lambda p: binary_cross_entropy_with_logits(valid_x @ p["w"], valid_y),
        {"w": torch.tensor(theta)},
        {"w": torch.tensor(omega)},
        torch.tensor(logits),
        proximal=problem.proximal,
        level1=SOLVE,
        level2=SOLVE,
        **options,
    )


@pytest.mark.parametrize("logistic", [False, True], ids=["ridge", "logistic"])
@pytest.mark.parametrize("objectives", [2, 4])
@pytest.mark.parametrize("proximal", [1e-2, 0.3])
@pytest.mark.parametrize("curvature", ["hessian", "gauss_newton"])
def test_the_hypergradient_is_the_slope_of_the_whole_problem(logistic, objectives, proximal, curvature):
    problem = ThreeLevelRegression.random(objectives, logistic, proximal)
    logits = np.linspace(-0.5, 0.5, objectives)
    found = solved(problem, logits, curvature=curvature)
    assert float(found.valid_loss) == pytest.approx(problem.outer(logits), rel=1e-10)
    expected = problem.slope(logits)
    assert np.linalg.norm(found.gradient.numpy() - expected) < 1e-8 * np.linalg.norm(expected)
    assert set(found.statuses.values()) == {"converged"}
