"""Three-level quadratics whose hypergradient is known exactly, by dense linear algebra in float64.

Level I   ℓ_k(θ) = ½ (θ − a_k)ᵀ A_k (θ − a_k)
Level II  L_train(ω) = ½ (ω − b)ᵀ B (ω − b), held near θ by γ‖ω − θ‖²
Level III L_valid(ω) = ½ (ω − c)ᵀ C (ω − c)
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from molweight.solver import Hypergradient, hypergradient
from molweight.solver.weights import softmax

Params = dict[str, Tensor]
Weights = Callable[[Tensor], Tensor]  # of logits


@dataclass(frozen=True)
class ThreeLevelQuadratic:
    """One problem; vectors are split over two names, so that dictionaries matter."""

    matrices: Tensor  # [objectives, n, n]
    centres: Tensor  # [objectives, n]
    train: tuple[Tensor, Tensor]  # B, b
    valid: tuple[Tensor, Tensor]  # C, c
    proximal: float

    @classmethod
    def random(
        cls, n: int = 6, objectives: int = 3, condition: float = 10.0, proximal: float = 0.3, seed: int = 0
    ) -> "ThreeLevelQuadratic":
        generator = torch.Generator().manual_seed(seed)

        def matrix() -> Tensor:
            return symmetric(torch.logspace(0, -math.log10(condition), n, dtype=torch.float64), generator)

        def vector() -> Tensor:
            return torch.randn(n, generator=generator, dtype=torch.float64)

        return cls(
            torch.stack([matrix() for _ in range(objectives)]),
            torch.stack([vector() for _ in range(objectives)]),
            (matrix(), vector()),
            (matrix(), vector()),
            proximal,
        )

    def pretrain_losses(self, theta: Params) -> Tensor:
        away = join(theta) - self.centres  # [objectives, n]
        return 0.5 * torch.einsum("ki,kij,kj->k", away, self.matrices, away)

    def finetune_loss(self, omega: Params) -> Tensor:
        return half_square(join(omega), *self.train)

    def valid_loss(self, omega: Params) -> Tensor:
        return half_square(join(omega), *self.valid)

    def optima(
        self, logits: Tensor, weights: Weights = softmax, damping: float = 0.0
    ) -> tuple[Tensor, Tensor]:
        """θ*(w) and ω*(θ*(w)); damping is a ridge of level I, ½ damping ‖θ‖²."""
        weighted = weights(logits)[:, None, None] * self.matrices
        pull = (weighted @ self.centres[:, :, None]).sum(0).squeeze(1)
        b_matrix, b = self.train
        eye = torch.eye(len(b), dtype=b.dtype)
        theta = torch.linalg.solve(weighted.sum(0) + damping * eye, pull)
        omega = torch.linalg.solve(
            b_matrix + 2 * self.proximal * eye, b_matrix @ b + 2 * self.proximal * theta
        )
        return theta, omega

    def outer(self, logits: Tensor, weights: Weights = softmax, damping: float = 0.0) -> Tensor:
        """The validation loss as a function of the logits alone."""
        return half_square(self.optima(logits, weights, damping)[1], *self.valid)

    def slope(self, logits: Tensor, weights: Weights = softmax, damping: float = 0.0) -> Tensor:
        """The derivative of `outer`, by differentiating its dense solves."""
        return torch.func.grad(self.outer)(logits, weights, damping)

    def hypergradient(
        self, theta: Tensor, omega: Tensor, logits: Tensor, damping: float = 0.0
    ) -> tuple[Tensor, Tensor]:
        """∂F/∂w and ∂F/∂λ at any θ and ω, each inverse a dense one."""
        weights, eye = logits.softmax(0), torch.eye(len(theta), dtype=theta.dtype)
        (train_matrix, _), (valid_matrix, c) = self.train, self.valid
        u = torch.linalg.solve(train_matrix + 2 * self.proximal * eye, valid_matrix @ (omega - c))
        curvature = torch.einsum("k,kij->ij", weights, self.matrices) + damping * eye
        s = torch.linalg.solve(curvature, 2 * self.proximal * u)
        gradients = torch.einsum("kij,kj->ki", self.matrices, theta - self.centres)
        per_objective = -gradients @ s
        jacobian = torch.diag(weights) - torch.outer(weights, weights)
        return jacobian @ per_objective, per_objective


def solve(
    problem: ThreeLevelQuadratic, logits: Tensor, theta: Tensor, omega: Tensor, **options: Any
) -> Hypergradient:
    """The solver's hypergradient of the problem."""
    return hypergradient(
        problem.pretrain_losses,
        problem.finetune_loss,
        problem.valid_loss,
        split(theta),
        split(omega),
        logits,
        proximal=problem.proximal,
        **options,
    )


def logits_for(objectives: int) -> Tensor:
    return torch.linspace(-1, 1, objectives, dtype=torch.float64)


def symmetric(spectrum: Tensor, generator: torch.Generator) -> Tensor:
    """A matrix of these eigenvalues in a random basis."""
    n = len(spectrum)
    q, _ = torch.linalg.qr(torch.randn(n, n, generator=generator, dtype=torch.float64))
    return q @ torch.diag(spectrum) @ q.T


def half_square(x: Tensor, matrix: Tensor, centre: Tensor) -> Tensor:
    return 0.5 * (x - centre) @ matrix @ (x - centre)


def split(x: Tensor) -> Params:
    return {"first": x[:2], "rest": x[2:].reshape(-1, 1)}


def join(params: Params) -> Tensor:
    return torch.cat([params["first"], params["rest"].reshape(-1)])


def dense(matvec: Callable[[Params], Params], b: Params) -> Params:
    """Solve H·x = b exactly, with the matrix built from products with unit vectors."""
    rhs = join(b)
    columns = [join(matvec(split(unit))) for unit in torch.eye(len(rhs), dtype=rhs.dtype)]
    return split(torch.linalg.solve(torch.stack(columns, dim=1), rhs))
