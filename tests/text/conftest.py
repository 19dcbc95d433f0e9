import numpy as np
import pytest
import torch

from molweight.encoders.compute import Compute
from molweight.encoders.transformer_checkpoints import LoadedText, load_text_encoder
from molweight.molecules.splits import Split
from molweight.text.data import TextData
from molweight.tokens.store import TokenStore

SUBJECTS = [
    "the film",
    "this movie",
    "the book. it",
    "a story",
    "the plot",
    "the actor",
    "that film. it",
    "it",
]
JUDGEMENTS = ["is good and very great", "is bad. it is awful", "binds the protein"]
TEXTS = tuple(f"{subject} {judgement}" for subject in SUBJECTS for judgement in JUDGEMENTS)


@pytest.fixture
def compute() -> Compute:
    return Compute(torch.device("cpu"), torch.float32)


@pytest.fixture(scope="session")
def checkpoint(tiny_text: str) -> LoadedText:
    return load_text_encoder(tiny_text)


@pytest.fixture(params=["classification", "regression"])
def data(request: pytest.FixtureRequest) -> TextData:
    """Twenty-four texts of what is said of eight things; one label is missing."""
    labels = np.tile(np.arange(3, dtype=np.float32), 8)
    labels[5] = np.nan
    if request.param == "regression":
        return TextData(TEXTS, None, 10 * labels + 100, (), "regression")
    return TextData(TEXTS, None, labels, ("good", "bad", "binds"), "classification")


@pytest.fixture(scope="session")
def store(checkpoint: LoadedText) -> TokenStore:
    return checkpoint.tokeniser.tokenise(TEXTS, None, 32)


@pytest.fixture
def split() -> Split:
    order = np.random.default_rng(0).permutation(24)
    return Split(order[:12], order[12:18], order[18:])
