"""Both lower levels of a tiny GIN solved to the end, and all three differenced as a whole.

ReLU's kinks are left in. An optimum often lies on one, as in a corner, and has no derivative there: Newton's
method cannot end, and the test says so. At these starts none does, the differences cross no kink, and both
derivatives agree as on a smooth function, to about 1e-8.
"""

import copy
from functools import partial

import pytest
import torch
from gin_levels import GINLevels, batches, encoder_parameters
from torch.func import grad

from molweight.encoders.compute import Compute
from molweight.encoders.gin import GIN
from molweight.objectives import graph_objectives
from molweight.solver import conjugate_gradient, hypergradient
from molweight.solver.curvature import axpy, dot, frozen_statistics, hessian_vector_product, norm
from molweight.tasks.problems import FinetuneProblem, PretrainProblem

WIDTH, SEED = 4, 3
STEP = 1e-4
LOGITS = torch.tensor([0.4, -0.2, 0.1, -0.5], dtype=torch.float64)


def fit(params, loss, steps):
    optimiser = torch.optim.Adam(params, lr=0.02)
    for _ in range(steps):
        optimiser.zero_grad()
        loss().backward()
        optimiser.step()


def overfitted(start: int, layers: int, steps: int) -> GINLevels:
    """Pretrained on six molecules again and again, and a head fitted to the labels of four."""
    torch.manual_seed(start)
    encoder, compute, batch = GIN(layers, WIDTH), Compute(torch.device("cpu"), torch.float32), batches()
    for table in encoder.node_embeddings.parameters():
        torch.nn.init.normal_(table)  # of size 1: batch normalisation is steep where its input hardly varies
    pretrain = PretrainProblem(encoder, graph_objectives(WIDTH), compute).double()
    fit(
        pretrain.parameters(),
        lambda: LOGITS.softmax(0) @ torch.stack(list(pretrain(batch.curvature, SEED).values())),
        steps,
    )
    finetune = FinetuneProblem(copy.deepcopy(encoder), 2, "regression", compute).double()
    fit(finetune.head.parameters(), lambda: finetune.loss(finetune(batch.finetune), batch.finetune), steps)
    return GINLevels(pretrain.requires_grad_(False), finetune.requires_grad_(False), batch, SEED)


def optimum(loss, x):
    """By Newton's method, shortening steps until close."""
    for _ in range(20):
        gradient = grad(loss)(x)
        size = float(norm(gradient))
        if size < 1e-10:
            return x
        step = conjugate_gradient(tolerance=1e-7)(partial(hessian_vector_product, loss, x), gradient)
        length, slope = 1.0, float(dot(gradient, step))
        while size > 1e-6 and loss(axpy(-length, step, x)) > loss(x) - 1e-4 * length * slope:
            length /= 2
        x = axpy(-length, step, x)
    raise AssertionError(f"the optimum lies on a kink: gradient {size:.1g}")


def nested(levels, anchor, logits, theta, omega, damping, proximal):
    """θ*(w), held near its anchor, and ω*(θ*(w)); searched from θ and ω."""

    def pretrain_loss(p):
        return logits.softmax(0) @ levels.pretrain_losses(p) + damping / 2 * distance(p, anchor)

    theta = optimum(pretrain_loss, theta)
    return theta, optimum(lambda p: levels.finetune_loss(p) + proximal * distance(p, theta), omega)


def distance(a, b):
    return sum((a[name] - b[name]).square().sum() for name in a)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("start", "layers", "steps", "damping", "proximal"), [(0, 1, 100, 1.0, 2.0), (10, 2, 30, 30.0, 5.0)]
)
def test_the_hypergradient_is_the_slope_of_the_nested_problem(start, layers, steps, damping, proximal):
    levels = overfitted(start, layers, steps)
    anchor, solve = encoder_parameters(levels.pretrain), conjugate_gradient(tolerance=1e-12)
    with frozen_statistics(levels.pretrain, levels.finetune):
        optima = nested(levels, anchor, LOGITS, anchor, anchor, damping, proximal)
        found = hypergradient(
            levels.pretrain_losses,
            levels.finetune_loss,
            levels.valid_loss,
            *optima,
            LOGITS,
            proximal=proximal,
            damping=damping,
            level1=solve,
            level2=solve,
        )

        def outer(logits):
            return levels.valid_loss(nested(levels, anchor, logits, *optima, damping, proximal)[1])

        moves = STEP * torch.eye(4, dtype=torch.float64)
        expected = torch.stack([(outer(LOGITS + m) - outer(LOGITS - m)) / (2 * STEP) for m in moves])
    assert found.statuses == {"level1": "converged", "level2": "converged"}
    assert (found.gradient - expected).norm() < 1e-6 * expected.norm()
