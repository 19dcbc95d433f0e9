"""Hypergradients on a GPU against those on a CPU in double precision; run with -m gpu where there is one."""

import copy
from dataclasses import replace

import pytest
import torch
from gin_levels import GINLevels, batches, encoder_parameters

from molweight.encoders.compute import Compute
from molweight.encoders.gin import GIN
from molweight.objectives import graph_objectives
from molweight.solver import Batches, Hypergradient, conjugate_gradient, hypergradient
from molweight.solver.curvature import frozen_statistics
from molweight.tasks.data import LabelledBatch
from molweight.tasks.problems import FinetuneProblem, PretrainProblem

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]


def two_terms(matvec, b):
    """(2 I − H) b, the first two terms of a series, wherever it leads."""
    product = matvec(b)
    return {name: 2 * value - product[name] for name, value in b.items()}


INVERSES = {"identity": "identity", "two_terms": two_terms, "conjugate_gradient": conjugate_gradient(3)}
WIDTH = 8


def quadratic(device: str, dtype: torch.dtype, inverse) -> torch.Tensor:
    """Three objectives that pull on twenty dimensions with curvatures of their own."""
    draw = torch.Generator().manual_seed(0)
    towards, curvature, train, valid = (
        torch.randn(shape, generator=draw, dtype=torch.float64).to(device, dtype)
        for shape in ((3, 20), (3, 20), (20,), (20,))
    )
    point = {"x": torch.zeros(20, device=device, dtype=dtype)}
    found = hypergradient(
        lambda p: (curvature.abs() * (p["x"] - towards).square()).sum(1),
        lambda p: (p["x"] - train).square().sum(),
        lambda p: (p["x"] - valid).square().sum(),
        point,
        {"x": point["x"] + 0.5},
        torch.zeros(3, device=device, dtype=dtype),
        proximal=0.1,
        level1=inverse,
        level2=inverse,
    )
    assert found.per_objective.device.type == device
    return found.per_objective.double().cpu()


@pytest.mark.parametrize("inverse", INVERSES.values(), ids=INVERSES)
@pytest.mark.parametrize(("dtype", "error"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
def test_of_a_quadratic(inverse, dtype, error):
    expected, found = quadratic("cpu", torch.float64, inverse), quadratic("cuda", dtype, inverse)
    assert (found - expected).norm() < error * expected.norm()


def on(device: str, made: Batches) -> Batches:
    def moved(batch: LabelledBatch) -> LabelledBatch:
        return replace(batch, graphs=batch.graphs.to(device), labels=batch.labels.to(device))

    graphs = (made.pretrain.to(device), made.curvature.to(device))
    return Batches(graphs[0], moved(made.finetune), moved(made.valid), graphs[1])


def of_gin(device: str, dtype: torch.dtype, precision: torch.dtype, inverse, curvature) -> Hypergradient:
    torch.manual_seed(0)
    compute = Compute(torch.device(device), precision)
    encoder = GIN(2, WIDTH)
    pretrain = PretrainProblem(encoder, graph_objectives(WIDTH), compute)
    finetune = FinetuneProblem(copy.deepcopy(encoder), 2, "regression", compute)
    with torch.no_grad():
        for p in finetune.parameters():
            p += 0.05 * torch.randn_like(p)
    pretrain, finetune = pretrain.to(device, dtype), finetune.to(device, dtype)
    levels = GINLevels(pretrain, finetune, on(device, batches(dtype)), seed=7)
    with frozen_statistics(pretrain, finetune):
        return hypergradient(
            levels.pretrain_losses,
            levels.finetune_loss,
            levels.valid_loss,
            encoder_parameters(pretrain),
            encoder_parameters(finetune),
            torch.zeros(4, device=device, dtype=dtype),
            proximal=1.0,
            level1=inverse,
            level2=inverse,
            curvature=curvature,
        )


@pytest.mark.parametrize("curvature", ["hessian", "gauss_newton"])
@pytest.mark.parametrize("inverse", INVERSES.values(), ids=INVERSES)
def test_of_a_gin_in_double_and_single_precision(inverse, curvature):
    expected = of_gin("cpu", torch.float64, torch.float32, inverse, curvature)
    for dtype, error in ((torch.float64, 1e-7), (torch.float32, 5e-3)):
        found = of_gin("cuda", dtype, torch.float32, inverse, curvature)
        assert found.per_objective.dtype == dtype
        difference = found.per_objective.double().cpu() - expected.per_objective
        assert difference.norm() < error * expected.per_objective.norm()


@pytest.mark.parametrize("inverse", INVERSES.values(), ids=INVERSES)
def test_of_a_gin_under_autocast(inverse):
    expected = of_gin("cpu", torch.float64, torch.float32, inverse, "gauss_newton").per_objective
    found = of_gin("cuda", torch.float32, torch.bfloat16, inverse, "gauss_newton").per_objective
    assert found.dtype == torch.float32
    assert torch.cosine_similarity(found.double().cpu(), expected, dim=0) > 0.9


def test_it_repeats_itself():
    first, second = (
        of_gin("cuda", torch.float32, torch.float32, conjugate_gradient(3), "gauss_newton") for _ in range(2)
    )
    assert torch.allclose(first.per_objective, second.per_objective, rtol=1e-4)
