"""The solver on the molecular problems: a tiny GIN against explicit gradients and double backward passes."""

import copy

import pytest
import torch
from gin_levels import GINLevels, batches, encoder_parameters

from molweight.encoders.compute import Compute
from molweight.encoders.gin import GIN
from molweight.objectives import graph_objectives
from molweight.solver import Batches, Hypergradient, LoopConfig, LoopState, hypergradient
from molweight.solver.curvature import frozen_statistics
from molweight.solver.loop import loop_best_response
from molweight.solver.state import REWEIGHT
from molweight.solver.weights import GradientScale
from molweight.tasks.problems import FinetuneProblem, PretrainProblem

CONFIG = LoopConfig(steps=9, proximal=0.7)
WIDTH = 8


def neumann(matvec, b):
    """(2 I − H) b, the first two terms of a series: one product."""
    product = matvec(b)
    return {name: 2 * value - product[name] for name, value in b.items()}


def state_of(precision=torch.float32, dtype=torch.float64, config=CONFIG) -> LoopState:
    torch.manual_seed(0)
    compute = Compute(torch.device("cpu"), precision)
    encoder = GIN(2, WIDTH, kernel="torch")  # differentiated twice, to compare with
    pretrain = PretrainProblem(encoder, graph_objectives(WIDTH), compute)
    finetune = FinetuneProblem(copy.deepcopy(encoder), 2, "regression", compute)
    with torch.no_grad():
        for p in finetune.parameters():
            p += 0.05 * torch.randn_like(p)
    state = LoopState.start(pretrain.to(dtype), finetune.to(dtype), config)
    state.logits.copy_(torch.tensor([0.4, -0.2, 0.1, -0.5]))
    state.scale, state.step = GradientScale(norms={"contrastive": 2.5, "edge_prediction": 0.3}), 3
    return state


def flat(gradients) -> torch.Tensor:
    return torch.cat([g.reshape(-1) for g in gradients])


def gradient(loss, params, **options) -> torch.Tensor:
    return flat(torch.autograd.grad(loss, params, materialize_grads=True, retain_graph=True, **options))


def task_loss(state: LoopState, batch) -> torch.Tensor:
    return state.finetune.loss(state.finetune(batch), batch)


def gin_hypergradient(state: LoopState, batch: Batches, config: LoopConfig, **options) -> Hypergradient:
    """The public entry point on the state's modules, with the random choices of its step."""
    pretrain, finetune = state.pretrain, state.finetune
    levels = GINLevels(pretrain, finetune, batch, state.step_seed(REWEIGHT))
    scale = [state.scale[name] for name in state.objectives]
    with frozen_statistics(pretrain, finetune):
        return hypergradient(
            lambda theta: levels.pretrain_losses(theta) / state.logits.new_tensor(scale),
            levels.finetune_loss,
            levels.valid_loss,
            encoder_parameters(pretrain),
            encoder_parameters(finetune),
            state.logits,
            proximal=config.proximal,
            level1=config.level1,
            level2=config.level2,
            **options,
        )


def losses_of(state: LoopState, batch: Batches) -> dict[str, torch.Tensor]:
    found = state.pretrain(batch.curvature, state.step_seed(REWEIGHT))
    return {name: found[name] / state.scale[name] for name in state.objectives}


def validation_gradient(state: LoopState, batch: Batches) -> torch.Tensor:
    state.finetune.eval()
    found = gradient(task_loss(state, batch.valid), list(state.finetune.encoder.parameters()))
    state.finetune.train()
    return found


def test_one_forward_mode_product_is_every_backward_pass():
    state, batch = state_of(), batches()
    found = gin_hypergradient(copy.deepcopy(state), batch, CONFIG)
    v, params = validation_gradient(state, batch), list(state.pretrain.encoder.parameters())
    expected = torch.stack([-1.4 * gradient(loss, params) @ v for loss in losses_of(state, batch).values()])
    assert torch.allclose(found.per_objective, expected, rtol=1e-9, atol=1e-9 * expected.abs().max().item())


def test_best_responses_multiply_with_the_true_curvature_of_both_levels():
    """Forward over reverse, as the solver does it, against reverse over reverse."""
    config = LoopConfig(steps=9, proximal=0.7, level1=neumann, level2=neumann)
    state, batch = state_of(), batches()
    found = gin_hypergradient(copy.deepcopy(state), batch, config)

    def series(loss, params, shift, b):
        product = gradient(gradient(loss, params, create_graph=True) @ b, params)
        return 2 * b - product - shift * b

    v, omega = validation_gradient(state, batch), list(state.finetune.encoder.parameters())
    r = 1.4 * series(task_loss(state, batch.finetune), omega, 1.4, v)
    theta, losses = list(state.pretrain.encoder.parameters()), losses_of(state, batch)
    weighted = state.logits.softmax(0) @ torch.stack(list(losses.values()))
    s = series(weighted, theta, 0.0, r)
    expected = torch.stack([-gradient(loss, theta) @ s for loss in losses.values()])
    assert found.products == {"level1": 1, "level2": 1}
    assert torch.allclose(found.per_objective, expected, rtol=1e-8, atol=1e-8 * expected.abs().max().item())


@pytest.mark.parametrize("dropout", [0.0, 0.5])
@pytest.mark.parametrize("inverse", ["identity", neumann], ids=["identity", "neumann"])
def test_a_hypergradient_leaves_no_trace_and_repeats_itself(dropout, inverse):
    config = LoopConfig(steps=9, proximal=0.7, level1=inverse, level2=inverse)
    state, batch = state_of(config=config), batches()
    state.finetune.encoder.dropout = dropout
    modules = state.pretrain, state.finetune
    before = [copy.deepcopy(m.state_dict()) for m in modules]
    generator = torch.get_rng_state()
    first, second = (loop_best_response(state, batch, config) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), generator)
    assert all(torch.equal(value, second.s[name]) for name, value in first.s.items())
    for module, saved in zip(modules, before, strict=True):
        assert all(torch.equal(value, saved[name]) for name, value in module.state_dict().items())
        assert all(p.grad is None and p.requires_grad for p in module.parameters())
        assert all(m.training for m in module.modules())


@pytest.mark.parametrize("inverse", ["identity", neumann], ids=["identity", "neumann"])
def test_single_precision_is_near_double(inverse):
    config = LoopConfig(steps=9, proximal=0.1, level1=inverse, level2=inverse)
    exact = gin_hypergradient(state_of(), batches(), config).cosines
    found = gin_hypergradient(state_of(dtype=torch.float32), batches(torch.float32), config).cosines
    assert found.dtype == torch.float32
    assert (found.double() - exact).norm() < 1e-4 * exact.norm()


def test_under_autocast_the_product_is_that_of_the_backward_passes_to_half_precision():
    """Against gradients under the same autocast: those of so small a GIN can be far from float32's."""
    state, batch = state_of(torch.bfloat16, torch.float32), batches(torch.float32)
    found = gin_hypergradient(copy.deepcopy(state), batch, CONFIG)
    v, params = validation_gradient(state, batch), list(state.pretrain.encoder.parameters())
    gradients = torch.stack([gradient(loss, params) for loss in losses_of(state, batch).values()])
    norms = gradients.norm(dim=1)
    error = (found.cosines - gradients @ v / (v.norm() * norms)).abs()
    assert found.cosines.dtype == torch.float32
    assert (error < 0.03).all()


@pytest.mark.parametrize("curvature", ["hessian", "gauss_newton"])
def test_under_autocast_products_with_the_curvature_are_near_those_in_single_precision(curvature):
    config = LoopConfig(steps=9, proximal=0.7, level1=neumann, level2=neumann)
    batch = batches(torch.float32)
    single, half = (
        gin_hypergradient(state_of(precision, torch.float32), batch, config, curvature=curvature)
        for precision in (torch.float32, torch.bfloat16)
    )
    assert half.products == {"level1": 1, "level2": 1}
    assert torch.cosine_similarity(half.per_objective, single.per_objective, dim=0) > 0.9
