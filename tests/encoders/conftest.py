from importlib.util import find_spec

import pytest
import torch

from molweight.molecules.batch import GraphBatch, collate
from molweight.molecules.store import store_from_smiles

SMILES = ["CC(=O)Nc1ccc(O)cc1", "C", "[Na+].[Cl-]", "C/C=C\\C", "C[C@H](N)C(=O)O", "*c1ccccc1", "CC#N"]


@pytest.fixture(autouse=True)
def seeded() -> None:
    """The same random numbers in every run."""
    torch.manual_seed(0)


@pytest.fixture(params=["fused", "torch", "dgl"])
def kernel(request: pytest.FixtureRequest) -> str:
    """Every kernel that there is on this machine."""
    if request.param == "dgl" and find_spec("dgl") is None:
        pytest.skip("DGL is not installed")
    return request.param


@pytest.fixture
def batch() -> GraphBatch:
    """Molecules with rings, stereo, a triple bond, a lone atom, two ions and a dummy atom."""
    return collate(store_from_smiles(SMILES), torch.arange(len(SMILES)))
