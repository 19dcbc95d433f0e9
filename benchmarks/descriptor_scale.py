"""`python -m molweight.benchmarks.descriptor_scale CORPUS OUT`: mean and spread of RDKit's descriptors."""

import csv
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from rdkit.Chem import Descriptors

from molweight.benchmarks.program import run_program
from molweight.molecules.descriptors import rdkit_descriptors
from molweight.molecules.featurize import featurize_smiles
from molweight.molecules.files import read_smiles
from molweight.paths import replacing

SAMPLE = 20_000
UNBOUNDED = ("Ipc", "AvgIpc")  # grow exponentially with the size of a molecule, past any scale
RARE = 1e-3  # share of molecules that must differ from the most common value


def sample_smiles(path: Path, number: int) -> list[str]:
    """Molecules of a file, drawn without repeats by a fixed seed; rows that are none are left out."""
    texts = read_smiles(path)
    drawn = np.random.default_rng(0).permutation(len(texts))[:number]
    chosen = [texts[i] for i in np.sort(drawn).tolist()]
    return [chosen[row] for row in featurize_smiles(chosen).rows.tolist()]


def scale_of(raw: NDArray[np.float32]) -> list[tuple[str, float, float]]:
    """Name, mean and standard deviation of every descriptor that varies over molecules.

    Args:
        raw: of RDKit's whole list, [molecules, RDKit's descriptors], NaN where there is no value.
    """
    found = []
    for (name, _), column in zip(Descriptors.descList, raw.T.astype(np.float64), strict=True):
        present = column[~np.isnan(column)]
        most_common = np.unique(present, return_counts=True)[1].max(initial=0)
        if name not in UNBOUNDED and len(present) - most_common >= RARE * len(raw):
            found.append((name, float(present.mean()), float(present.std())))
    return found


def write_scale(
    corpus: Annotated[Path, typer.Argument(help="File of SMILES.")],
    out: Annotated[Path, typer.Argument(help="CSV to write.")],
) -> None:
    """Write the table that `molweight.molecules.scaled_descriptors` reads."""
    scale = scale_of(rdkit_descriptors(sample_smiles(corpus, SAMPLE)))
    with replacing(out) as temporary, open(temporary, "w", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(("descriptor", "mean", "std"))
        rows.writerows((name, f"{mean:.6g}", f"{std:.6g}") for name, mean, std in scale)
    print(f"{len(scale)} of {len(Descriptors.descList)} descriptors")


if __name__ == "__main__":
    run_program(write_scale)
