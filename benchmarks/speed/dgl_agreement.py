"""Are the objectives in DGL those of this program?"""

import copy

import torch

from molweight.benchmarks.speed.agreement import TOLERANCE
from molweight.benchmarks.speed.dgl_protocol import DGLPretrain, featurise
from molweight.benchmarks.speed.setting import Setting
from molweight.encoders.compute import Compute
from molweight.molecules.batch import collate
from molweight.molecules.graphs import import_dgl
from molweight.objectives import graph_objectives
from molweight.tasks.data import TaskData
from molweight.tasks.problems import PretrainProblem

COMPARED = 32  # molecules
ORDERED = "edge_prediction"  # its random choices go by the order of the bonds, which differs

Losses = dict[str, tuple[float, float]]


def compare_objectives(setting: Setting, data: TaskData, seed: int = 0) -> Losses:
    """Loss of each objective, ours and DGL's, in float32 with the same weights, molecules and seed."""
    compute = Compute(setting.compute.device, torch.float32)
    encoder = copy.deepcopy(setting.encoder)  # its running statistics move
    ours = PretrainProblem(encoder, graph_objectives(encoder.width), compute).train()
    theirs = DGLPretrain(encoder).train()
    theirs.objectives.load_state_dict(ours.objectives.state_dict())
    graphs = featurise(data.smiles[:COMPARED])
    with torch.no_grad():
        found = ours(collate(data.store, torch.arange(len(graphs))), seed)
        other = theirs(import_dgl().batch(graphs), seed)
    return {name: (float(loss), float(other[name])) for name, loss in found.items()}


def check_objectives(found: Losses) -> None:
    """Refuse to time two programs whose objectives differ.

    Raises:
        RuntimeError: if the losses of one do.
    """
    exact = {name: pair for name, pair in found.items() if name != ORDERED}
    if not all(abs(a - b) < TOLERANCE * abs(a) for a, b in exact.values()):
        raise RuntimeError(f"the losses in DGL are not those of this program (ours, DGL's): {exact}")
