"""What the hygiene of a data set needs to know of each molecule, found in one pass.

RDKit only: worker processes import this file.
"""

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import joblib
from rdkit import Chem
from rdkit.Chem.MolStandardize import rdMolStandardize
from rdkit.Chem.rdMolDescriptors import _CalcMolWt
from rdkit.Chem.rdMolHash import HashFunction, MolHash
from rdkit.rdBase import BlockLogs

from molweight.molecules.flat_graphs import Rejected
from molweight.molecules.smiles import parse_each, parse_smiles

_CHUNK = 5_000  # molecules: below, starting processes would take longer than the work
_NO_METALS = frozenset(
    {0, 1, 5, 6, 7, 8, 9, 14, 15, 16, 17, 34, 35, 53}
)  # dummy, H, B to F, Si to Cl, Se, Br, I

Found = TypeVar("Found")


@dataclass(frozen=True)
class Facts:
    """Of one molecule.

    Attributes:
        smiles: as given, or of its largest fragment where that was asked for.
        canonical: its canonical SMILES; equal for the same molecule.
        flat: the same without stereochemistry.
        skeleton: what all forms of a compound have in common: the graph of its elements, or, where it has
            metals, whose bonds to draw is a matter of taste, its heavy weight.
        fragments: number of molecules and ions it consisted of as given.
        open_centres: number of atoms and double bonds whose possible configuration is not stated.
    """

    smiles: str
    canonical: str
    flat: str
    skeleton: str
    fragments: int
    open_centres: int


def describe(smiles: Sequence[str], largest_fragment: bool = False) -> list[Facts | str]:
    """Facts of each molecule, in order; why not, for those that cannot be parsed.

    Args:
        smiles: as given.
        largest_fragment: describe only that of the most heavy atoms.
    """
    return _in_chunks(partial(_describe, largest_fragment=largest_fragment), smiles)


def shared_compounds(facts: Sequence[Facts]) -> dict[str, list[int]]:
    """Positions that share the InChIKey, by its two first blocks; those alone with theirs are left out.

    InChI counts as one compound what differs in mobile hydrogens or in protonation. It takes longer than
    all else, so that only molecules of the same skeleton are asked for theirs.
    """
    skeletons = grouped([f.skeleton for f in facts])
    asked = [p for group in skeletons.values() if len({facts[p].canonical for p in group}) > 1 for p in group]
    keys = inchi_keys([facts[p].canonical for p in asked])
    groups = grouped([key[:-2] for key in keys])  # without the letter of protonation
    return {key: [asked[i] for i in group] for key, group in groups.items() if key and len(group) > 1}


def inchi_keys(smiles: Sequence[str]) -> list[str]:
    """InChIKey of each valid SMILES, empty where InChI has none."""
    return _in_chunks(_inchi_keys, smiles)


def canonical_smiles(smiles: Sequence[str]) -> list[str]:
    """Of each, in order, equal for the same molecule; the text itself where it is none."""
    return _in_chunks(_canonical_smiles, smiles)


def _canonical_smiles(smiles: Sequence[str]) -> list[str]:
    parsed = parse_smiles(smiles)
    found = list(smiles)
    for row, mol in zip(parsed.rows, parsed.mols, strict=True):
        found[row] = str(Chem.MolToSmiles(mol))
    return found


def _describe(smiles: Sequence[str], largest_fragment: bool) -> list[Facts | str]:
    options = rdMolStandardize.CleanupParameters()
    options.largestFragmentChooserCountHeavyAtomsOnly = True  # type: ignore[assignment]  # wrong stub
    chooser = rdMolStandardize.LargestFragmentChooser(options)
    found: list[Facts | str] = []
    for text, (_, mol) in zip(smiles, parse_each(smiles), strict=True):
        if isinstance(mol, Rejected):
            found.append(mol.reason)
            continue
        fragments = len(Chem.GetMolFrags(mol))
        if largest_fragment and fragments > 1:
            mol = chooser.choose(mol)
            text = str(Chem.MolToSmiles(mol))
        found.append(_facts(text, mol, fragments))
    return found


def _facts(text: str, mol: Chem.Mol, fragments: int) -> Facts:
    canonical = flat = str(Chem.MolToSmiles(mol))
    unstated = [s for s in Chem.FindPotentialStereo(mol) if s.specified == Chem.StereoSpecified.Unspecified]
    if set("@/\\") & set(canonical):
        Chem.RemoveStereochemistry(mol)
        flat = str(Chem.MolToSmiles(mol))
    return Facts(text, canonical, flat, _skeleton(mol), fragments, len(unstated))


def _skeleton(mol: Chem.Mol) -> str:
    if all(atom.GetAtomicNum() in _NO_METALS for atom in mol.GetAtoms()):
        return str(MolHash(mol, HashFunction.ElementGraph))
    return f"{_CalcMolWt(mol, True):.2f}"


def _inchi_keys(smiles: Sequence[str]) -> list[str]:
    with BlockLogs():
        return [str(Chem.MolToInchiKey(Chem.MolFromSmiles(text))) for text in smiles]


def grouped(keys: Iterable[str]) -> dict[str, list[int]]:
    """Positions of each key, in order of first appearance."""
    groups: defaultdict[str, list[int]] = defaultdict(list)
    for position, key in enumerate(keys):
        groups[key].append(position)
    return dict(groups)


def _in_chunks(function: Callable[[Sequence[str]], list[Found]], smiles: Sequence[str]) -> list[Found]:
    chunks = [smiles[i : i + _CHUNK] for i in range(0, len(smiles), _CHUNK)]
    if len(chunks) < 2:
        return function(smiles)
    parts = joblib.Parallel(n_jobs=min(len(chunks), os.cpu_count() or 1))(
        joblib.delayed(function)(c) for c in chunks
    )
    return [found for part in parts for found in part]
