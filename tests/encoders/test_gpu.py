"""The same numbers on a GPU as on a CPU; run with -m gpu where there is one."""

import pytest
import torch

from molweight.encoders.checkpoints import load_encoder
from molweight.molecules.batch import collate
from molweight.molecules.store import store_from_smiles
from molweight.objectives import graph_objectives

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]

SMILES = ["CC(=O)Nc1ccc(O)cc1", "CN1CCC[C@H]1c1cccnc1", "CC(C)Cc1ccc(C(C)C(=O)O)cc1", "CCO"]


def test_encoder_and_objectives_agree_between_devices():
    torch.manual_seed(0)
    encoder, objectives, store = load_encoder(), graph_objectives(300), store_from_smiles(SMILES)
    results = {}
    for device in ("cpu", "cuda"):
        batch = collate(store.to(device), torch.arange(len(SMILES), device=device))
        encoder.to(device), objectives.to(device)
        losses = [o(encoder, batch, torch.Generator().manual_seed(1)).item() for o in objectives.values()]
        results[device] = torch.tensor(losses), encoder.eval()(batch).detach().cpu()
        encoder.train()
    for on_cpu, on_gpu in zip(*results.values(), strict=True):
        assert torch.allclose(on_cpu, on_gpu, rtol=1e-3, atol=1e-3)
