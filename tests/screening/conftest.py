import numpy as np
import pytest
import torch

from molweight.encoders.checkpoints import save_encoder
from molweight.encoders.gin import GIN


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A GIN of two layers and width 16, with random weights."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("checkpoint") / "tiny.safetensors"
    save_encoder(GIN(2, 16), path, {})
    return str(path)


CORES = ["CC", "CCC", "CCCC", "c1ccccc1", "C1CCCCC1", "Cc1ccccc1", "CC(C)C", "C1CCCC1"]
ENDS = ["", "O", "N", "C(=O)O", "F"]


@pytest.fixture(scope="session")
def molecules() -> list[str]:
    """Forty molecules: eight cores with each of five ends."""
    return [end + core if end != "C(=O)O" else "OC(=O)" + core for core in CORES for end in ENDS]


@pytest.fixture(scope="session")
def hetero(molecules: list[str]) -> np.ndarray:
    """Number of hetero-atoms of each."""
    return np.array([sum(letter in "ONF" for letter in text) for text in molecules], np.float64)
