"""The solver on the molecular problems: a tiny GIN against explicit gradients and double backward passes."""

import copy

import pytest
import torch

from molweight.encoders.compute import Compute
from molweight.encoders.gin import GIN
from molweight.molecules.batch import collate
from molweight.molecules.store import store_from_smiles
from molweight.objectives import graph_objectives
from molweight.solver import LoopConfig, LoopState
from molweight.solver.loop import REWEIGHT, Batches, loop_hypergradient
from molweight.solver.weights import GradientScale
from molweight.tasks.data import labelled_batch
from molweight.tasks.problems import FinetuneProblem, PretrainProblem

SMILES = ["CC(=O)Nc1ccc(O)cc1", "CCCCCO", "c1ccc2ccccc2c1", "OCC(O)CO", "CCN(CC)CC", "CC(=O)[O-].[Na+]"]
CONFIG = LoopConfig(steps=9, proximal=0.7)
WIDTH = 8


def neumann(matvec, b):
    """(2 I − H) b, the first two terms of a series: one product."""
    product = matvec(b)
    return {name: 2 * value - product[name] for name, value in b.items()}


def state_of(precision=torch.float32, dtype=torch.float64, config=CONFIG) -> LoopState:
    torch.manual_seed(0)
    compute = Compute(torch.device("cpu"), precision)
    encoder = GIN(2, WIDTH)
    pretrain = PretrainProblem(encoder, graph_objectives(WIDTH), compute)
    finetune = FinetuneProblem(copy.deepcopy(encoder), 2, "regression", compute)
    with torch.no_grad():
        for p in finetune.parameters():
            p += 0.05 * torch.randn_like(p)
    state = LoopState.start(pretrain.to(dtype), finetune.to(dtype), config)
    state.logits = torch.tensor([0.4, -0.2, 0.1, -0.5], dtype=dtype)
    state.scale, state.step = GradientScale({"contrastive": 2.5, "edge_prediction": 0.3}), 3
    return state


def batches(dtype=torch.float64) -> Batches:
    store = store_from_smiles(SMILES)
    labels = torch.randn(6, 2, generator=torch.Generator().manual_seed(5)).to(dtype)
    labels[1, 0] = torch.nan
    first, second = torch.tensor([0, 1, 2, 3]), torch.tensor([2, 4, 5])
    return Batches(
        collate(store, first),
        labelled_batch(store, labels, first),
        collate(store, torch.arange(6)),
        labelled_batch(store, labels, second),
    )


def flat(gradients) -> torch.Tensor:
    return torch.cat([g.reshape(-1) for g in gradients])


def gradient(loss, params, **options) -> torch.Tensor:
    return flat(torch.autograd.grad(loss, params, materialize_grads=True, retain_graph=True, **options))


def losses_of(state: LoopState, batch: Batches) -> dict[str, torch.Tensor]:
    found = state.pretrain(batch.reweight_pretrain, state.step_seed(REWEIGHT))
    return {name: found[name] / state.scale[name] for name in state.objectives}


def validation_gradient(state: LoopState, batch: Batches) -> torch.Tensor:
    state.finetune.eval()
    found = gradient(state.finetune(batch.valid), list(state.finetune.encoder.parameters()))
    state.finetune.train()
    return found


def test_one_forward_mode_product_is_every_backward_pass():
    state, batch = state_of(), batches()
    found = loop_hypergradient(copy.deepcopy(state), batch, CONFIG)
    v, params = validation_gradient(state, batch), list(state.pretrain.encoder.parameters())
    expected = torch.stack([-1.4 * gradient(loss, params) @ v for loss in losses_of(state, batch).values()])
    assert torch.allclose(found.per_objective, expected, rtol=1e-9, atol=1e-9 * expected.abs().max().item())


def test_best_responses_multiply_with_the_true_curvature_of_both_levels():
    """Forward over reverse, as the solver does it, against reverse over reverse."""
    config = LoopConfig(steps=9, proximal=0.7, level1=neumann, level2=neumann)
    state, batch = state_of(), batches()
    found = loop_hypergradient(copy.deepcopy(state), batch, config)

    def series(loss, params, shift, b):
        product = gradient(gradient(loss, params, create_graph=True) @ b, params)
        return 2 * b - product - shift * b

    v, omega = validation_gradient(state, batch), list(state.finetune.encoder.parameters())
    r = 1.4 * series(state.finetune(batch.finetune), omega, 1.4, v)
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
    first, second = (loop_hypergradient(state, batch, config) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), generator)
    assert torch.equal(first.per_objective, second.per_objective)
    for module, saved in zip(modules, before, strict=True):
        assert all(torch.equal(value, saved[name]) for name, value in module.state_dict().items())
        assert all(p.grad is None and p.requires_grad for p in module.parameters())
        assert all(m.training for m in module.modules())


@pytest.mark.parametrize("inverse", ["identity", neumann], ids=["identity", "neumann"])
def test_single_precision_is_near_double(inverse):
    config = LoopConfig(steps=9, proximal=0.1, level1=inverse, level2=inverse)
    exact = loop_hypergradient(state_of(), batches(), config).cosines
    found = loop_hypergradient(state_of(dtype=torch.float32), batches(torch.float32), config).cosines
    assert found.dtype == torch.float32
    assert (found.double() - exact).norm() < 1e-4 * exact.norm()


def test_under_autocast_the_product_is_that_of_the_backward_passes_to_half_precision():
    """Against gradients under the same autocast: those of so small a GIN can be far from float32's."""
    state, batch = state_of(torch.bfloat16, torch.float32), batches(torch.float32)
    found = loop_hypergradient(copy.deepcopy(state), batch, CONFIG)
    v, params = validation_gradient(state, batch), list(state.pretrain.encoder.parameters())
    gradients = torch.stack([gradient(loss, params) for loss in losses_of(state, batch).values()])
    error = (found.cosines - gradients @ v / v.norm()).abs()
    assert found.cosines.dtype == torch.float32
    assert (error < 2**-6 * gradients.norm(dim=1)).all()
