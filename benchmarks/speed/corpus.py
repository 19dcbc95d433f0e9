"""SMILES to featurise: BBBP, and the unlabelled corpora where a data folder has them."""

from collections.abc import Iterator, Sequence
from itertools import cycle, islice
from random import Random

from molweight.benchmarks.loading import data_folders
from molweight.benchmarks.speed.setting import DATA_SET, Setting
from molweight.molecules.files import read_smiles

UNLABELLED = "unlabelled"


def unlabelled() -> list[str]:
    """All SMILES of `unlabelled/*.smi.gz` in the first data folder that has any, none otherwise."""
    for folder in data_folders(None):
        if paths := sorted((folder / UNLABELLED).glob("*.smi.gz")):
            return [text for path in paths for text in read_smiles(path)]
    return []


def samples(setting: Setting, size: int) -> dict[str, list[str]]:
    """So many SMILES, or all there are, of each corpus, drawn with the setting's seed."""
    corpora = {DATA_SET: setting.data.smiles, UNLABELLED: unlabelled()}
    return {name: sample(texts, size, setting.seed) for name, texts in corpora.items() if texts}


def sample(texts: Sequence[str], size: int, seed: int) -> list[str]:
    """So many of the texts, in random order; all where there are fewer."""
    return Random(seed).sample(texts, min(size, len(texts)))


def endless(texts: Sequence[str], size: int) -> Iterator[str]:
    """So many SMILES, over and over again the same; nothing is remembered from one to the next."""
    return islice(cycle(texts), size)
