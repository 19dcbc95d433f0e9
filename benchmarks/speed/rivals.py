"""DGL-LifeSci's and DeepChem's featurisers, where they are installed."""

import logging
from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from rdkit.Chem import MolFromSmiles

from molweight.molecules.featurize import featurize_smiles
from molweight.molecules.graphs import ATOM_FEATURES, BOND_FEATURES, import_dgl
from molweight.molecules.vocabulary import BOND_DIRECTIONS

if TYPE_CHECKING:
    from dgl import DGLGraph

DGLLIFE, DEEPCHEM = "dgllife", "deepchem"


def rivals(*names: str) -> dict[str, Callable[[str], Any]]:
    """From a SMILES to a graph or None, by package: those named, or all, that are installed."""
    makers = {DGLLIFE: dgllife_featurizer, DEEPCHEM: deepchem_featurizer}
    return {name: makers[name]() for name in names or makers if find_spec(name)}


def dgllife_featurizer() -> Callable[[str], Any]:
    """The graphs that DGL-LifeSci's pretrained GINs take."""
    import_dgl()
    from dgllife.utils import PretrainAtomFeaturizer, PretrainBondFeaturizer, mol_to_bigraph

    atoms, bonds = PretrainAtomFeaturizer(), PretrainBondFeaturizer()

    def featurize(text: str) -> Any:
        mol = MolFromSmiles(text)
        try:
            return mol_to_bigraph(
                mol,
                add_self_loop=True,
                node_featurizer=atoms,
                edge_featurizer=bonds,
                canonical_atom_order=False,
            )
        except ValueError:  # an atom or bond that is not in its vocabulary
            return None

    return featurize


def deepchem_featurizer() -> Callable[[str], Any]:
    """DeepChem's graphs for graph convolutions, as it makes them by default."""
    logging.getLogger(DEEPCHEM).setLevel(logging.ERROR)  # it warns of every framework that is not there
    from deepchem.feat import MolGraphConvFeaturizer

    featurizer = MolGraphConvFeaturizer()

    def featurize(text: str) -> Any:
        (graph,) = featurizer.featurize([text])
        return graph if hasattr(graph, "node_features") else None

    return featurize


def same_numbers(text: str, graph: "DGLGraph") -> bool:
    """Whether DGL-LifeSci's graph has our atom types, chirality and bonds."""
    ours = featurize_smiles([text])
    receiver = np.repeat(np.arange(len(ours.degree)), ours.degree)
    entries = np.stack([receiver, ours.neighbour, *divmod(ours.bond, BOND_DIRECTIONS)])
    atoms = np.stack([ours.atom_type, ours.chirality])
    source, target = (ends.numpy() for ends in graph.edges())
    bonds = np.stack([target, source, *(graph.edata[name].numpy() for name in BOND_FEATURES)])
    theirs = np.stack([graph.ndata[name].numpy() for name in ATOM_FEATURES])
    return np.array_equal(atoms, theirs) and np.array_equal(
        _sorted(entries), _sorted(bonds[:, source != target])
    )


def _sorted(entries: NDArray[np.int64]) -> NDArray[np.int64]:
    return entries[:, np.lexsort(entries)]
