"""RDKit's descriptors on one scale for all data sets, beside the graphs of a store: to predict or to read."""

import csv
from collections.abc import Sequence
from dataclasses import replace
from importlib.resources import files

import numpy as np
import torch
from numpy.typing import NDArray

from molweight.errors import DataError
from molweight.molecules.store import Store
from molweight.molecules.store_file import Progress
from molweight.paths import cache_folder

LIMIT = 5.0  # standard deviations past which a value is cut: fragments that are rare, molecules that are huge


def _read_scale() -> dict[str, tuple[float, float]]:
    lines = files("molweight.molecules").joinpath("descriptor_scale.csv").read_text().splitlines()
    return {row["descriptor"]: (float(row["mean"]), float(row["std"])) for row in csv.DictReader(lines)}


SCALE = _read_scale()  # mean and standard deviation of each, over molecules of ChEMBL
DESCRIPTORS = tuple(SCALE)


def with_descriptors(
    store: Store, smiles: Sequence[str], progress: Progress | None = None, keep: bool = True
) -> Store:
    """The same store, with the standardised descriptors of its molecules.

    Args:
        store: on any device.
        smiles: of each of its molecules.
        progress: called with the numbers of molecules done and in all, where they are computed.
        keep: compute them once for the same SMILES, and keep them in the cache folder.

    Raises:
        DataError: if RDKit lacks one of the descriptors.
    """
    from molweight.molecules import descriptors  # takes RDKit a while to import

    raw = (
        descriptors.cached_descriptors(smiles, cache_folder() / "descriptors", progress)
        if keep
        else descriptors.rdkit_descriptors(smiles, progress)
    )
    return replace(store, descriptors=torch.from_numpy(standardised(raw)).to(store.device))


def standardised(raw: NDArray[np.float32]) -> NDArray[np.float16]:
    """Those of `DESCRIPTORS`, in standard deviations from their mean and cut at `LIMIT`.

    Args:
        raw: of RDKit's whole list, float32 [molecules, RDKit's descriptors], NaN where there is no value.

    Returns:
        float16 [molecules, descriptors], NaN where there is no value.

    Raises:
        DataError: if RDKit lacks one of them.
    """
    from rdkit.Chem import Descriptors

    place = {name: number for number, (name, _) in enumerate(Descriptors.descList)}
    if missing := [name for name in DESCRIPTORS if name not in place]:
        raise DataError(
            f"this RDKit has no descriptor {', '.join(missing)}; install the version that molweight asks for"
        )
    mean, std = np.array(list(SCALE.values())).T
    values = raw[:, [place[name] for name in DESCRIPTORS]].astype(np.float64)
    return ((values - mean) / std).clip(-LIMIT, LIMIT).astype(np.float16)
