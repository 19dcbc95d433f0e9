"""The same numbers on a GPU as on a CPU; run with -m gpu where there is one."""

import copy

import pytest
import torch
from described import described_store
from padded import SMILES as PADDED
from padded import pair, same_choices, well_conditioned
from torch import nn

from molweight.encoders.checkpoints import load_encoder
from molweight.encoders.gin import GIN
from molweight.molecules.batch import collate
from molweight.molecules.store import store_from_smiles
from molweight.objectives import GRAPH_OBJECTIVES, graph_objectives

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]

SMILES = ["CC(=O)Nc1ccc(O)cc1", "CN1CCC[C@H]1c1cccnc1", "CC(C)Cc1ccc(C(C)C(=O)O)cc1", "CCO"]


def test_encoder_and_objectives_agree_between_devices():
    torch.manual_seed(0)
    objectives = graph_objectives(300, tuple(GRAPH_OBJECTIVES))
    modules, store = nn.ModuleList([load_encoder(), objectives]), described_store(SMILES)
    results = {}
    for device in ("cpu", "cuda"):
        # of its own on each device: losses move the running statistics
        encoder, objectives = copy.deepcopy(modules).to(device)
        batch = collate(store.to(device), torch.arange(len(SMILES), device=device))
        losses = [o(encoder, batch, torch.Generator().manual_seed(1)).item() for o in objectives.values()]
        results[device] = torch.tensor(losses), encoder.eval()(batch).detach().cpu()
    for on_cpu, on_gpu in zip(*results.values(), strict=True):
        assert torch.allclose(on_cpu, on_gpu, rtol=1e-3, atol=1e-3)


def test_padded_layers_on_a_gpu_are_the_composed_ones_on_a_cpu_in_double_precision():
    """Outputs, gradients and running statistics; a lone atom among the batches, which has no statistics."""
    store = described_store(PADDED)
    for choice in (([0, 4, 5, 10, 13], 9, 20), (list(range(14)) * 3, 40, 1), ([1], 3, 2), ([2, 2], 5, 1)):
        torch.manual_seed(0)
        on_cpu = well_conditioned(GIN(3, 20, kernel="torch").double())
        on_gpu = copy.deepcopy(on_cpu).cuda()
        plain, _ = pair(store, choice)
        _, padded = pair(store.to("cuda"), choice)
        expected = states(on_cpu, on_cpu(plain), plain.atoms)
        found = states(on_gpu, on_gpu(padded), plain.atoms)
        for a, b in zip(expected, found, strict=True):
            assert torch.allclose(a, b, rtol=1e-9, atol=1e-9), choice


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_padded_layers_on_a_gpu_round_no_more_than_the_composed_ones(dtype):
    store, choice = store_from_smiles(PADDED), (list(range(14)) * 8, 40, 50)
    torch.manual_seed(0)
    exact = well_conditioned(GIN(5, 300, kernel="torch").double())
    plain, padded = pair(store.to("cuda"), choice)
    model = copy.deepcopy(exact).cuda()
    expected = torch.cat([value.flatten() for value in states(model, model(plain), plain.atoms)])
    errors = []
    for batch in (plain, padded):
        model = copy.deepcopy(exact).float().cuda()
        with torch.autocast("cuda", dtype, enabled=dtype != torch.float32):
            h = model(batch)
        assert h.dtype == dtype or batch is plain
        found = states(model, h.float(), plain.atoms)
        errors.append(float((torch.cat([value.flatten() for value in found]) - expected).norm()))
    assert errors[1] < 1.3 * errors[0] + 1e-6 * expected.norm()


@pytest.mark.parametrize("name", GRAPH_OBJECTIVES)
def test_objectives_on_a_padded_batch_on_a_gpu_in_double_precision(name):
    store = described_store(PADDED)
    for choice in ((list(range(14)), 20, 30), ([12], 3, 3), ([2, 2], 3, 3)):
        found = []
        torch.manual_seed(0)
        modules = nn.ModuleDict(
            {"encoder": GIN(3, 20, kernel="torch"), "objective": GRAPH_OBJECTIVES[name](20)}
        )
        for device in ("cpu", "cuda"):
            here = well_conditioned(copy.deepcopy(modules).double().to(device))
            batch = pair(store.to(device), choice)[device == "cuda"]
            with same_choices():
                loss = here["objective"](here["encoder"], batch, torch.Generator())
            loss.backward()
            gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in here.parameters()]
            found.append([loss.detach().cpu(), *(g.cpu() for g in gradients)])
        for a, b in zip(*found, strict=True):
            assert torch.allclose(a, b, rtol=1e-9, atol=1e-9), choice


def states(model: GIN, h: torch.Tensor, atoms: int) -> list[torch.Tensor]:
    """Outputs, gradients of a linear function of them, and running statistics, on the CPU in float64."""
    towards = torch.linspace(-1, 1, atoms * model.width, dtype=torch.float64).view(atoms, -1)
    (h[:atoms] * towards.to(h)).sum().backward()
    found = [h[:atoms].detach(), *(p.grad for p in model.parameters()), *model.buffers()]
    return [value.double().cpu() for value in found]
