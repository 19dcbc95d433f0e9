import shutil
import tempfile
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch
from parallel import numbers, over_ranks
from torch import nn

from molweight.encoders.compute import Compute
from molweight.encoders.gin import GIN
from molweight.encoders.readout import mean_readout
from molweight.molecules.store import store_from_smiles
from molweight.objectives import graph_objectives
from molweight.solver import LoopConfig, conjugate_gradient
from molweight.solver.ranks import ALONE
from molweight.tasks import learning as module
from molweight.tasks.data import TaskData
from molweight.tasks.reweight import ReweightConfig, reweight

# every second one has nothing for context and edge prediction to learn from
SMILES = ["CC(=O)Nc1ccc(O)cc1", "C", "CCCCCO", "CC", "c1ccc2ccccc2c1", "O", "OCC(O)CO", "CO"] * 3
CPU = Compute(torch.device("cpu"), torch.float32)
METHODS = {
    "identity": {},
    "conjugate_gradient": {"level1": conjugate_gradient(3, 1.0), "level2": conjugate_gradient(3)},
}


class Share(nn.Module):
    """How much of each molecule is of an atom type? Nothing random, and a mean over molecules."""

    def __init__(self, width, atom_type):
        super().__init__()
        self.head, self.atom_type = nn.Linear(width, 1), atom_type

    def forward(self, encoder, batch, generator):
        wanted = (batch.atom_type == self.atom_type).to(self.head.weight.dtype)
        share = mean_readout(wanted[:, None], batch)
        return (self.head(mean_readout(encoder(batch), batch)) - share).square().mean()


def shares(width):
    return nn.ModuleDict({"carbon": Share(width, 5), "oxygen": Share(width, 7)})


def learned(ranks, objectives, config, unbiased=True, **options):
    """Without biases that batch normalisation takes out: their gradient is rounding, which Adam magnifies."""
    torch.manual_seed(0)
    encoder = GIN(2, 8, kernel="torch" if unbiased else "fused")
    for layer in encoder.gnn_layers if unbiased else []:
        layer.mlp = nn.Sequential(nn.Linear(8, 16, bias=False), nn.ReLU(), nn.Linear(16, 8, bias=False))
    labels = np.random.default_rng(0).normal(size=(len(SMILES), 2)).astype(np.float32)
    labels[::3, 1] = np.nan
    data = TaskData(SMILES, store_from_smiles(SMILES), labels, ("full", "sparse"), "regression")
    order = np.random.default_rng(1).permutation(len(SMILES))
    found = reweight(
        encoder, data, order[:16], order[16:], config, CPU, 0, objectives, ranks=ranks, **options
    )
    return found.encoder.state_dict(), found.weights, [asdict(record) for record in found.history]


def without_chance(ranks):
    """Objectives that draw nothing; odd batches and missing labels where only level II and III see them."""
    torch.set_default_dtype(torch.float64)
    try:
        return {
            name: learned(ranks, shares, ReweightConfig(LoopConfig(20, warmup=2, **options), 8, 7, 8, 5))
            for name, options in METHODS.items()
        }
    finally:
        torch.set_default_dtype(torch.float32)


def with_chance(ranks):
    """The four objectives, where one rank often has a batch that two of them learn nothing from."""
    return {
        name: learned(
            ranks, graph_objectives, ReweightConfig(LoopConfig(20, warmup=2, **options), 4, 4, 4, 4)
        )
        for name, options in METHODS.items()
    }


def resumed(ranks):
    """A run that is not interrupted, and one that is and goes on from its snapshot."""
    config = ReweightConfig(LoopConfig(8, warmup=2), 8, 8, 8, 4)
    folder = Path(ranks.once(tempfile.mkdtemp))
    module.SNAPSHOT_EVERY = 3

    def stop(record):
        if record.step == 5:
            raise KeyboardInterrupt

    straight = learned(ranks, graph_objectives, config)
    with pytest.raises(KeyboardInterrupt):
        learned(ranks, graph_objectives, config, snapshot=folder / "run", progress=stop)
    again = learned(ranks, graph_objectives, config, snapshot=folder / "run")
    left = ranks.once(lambda: [path.name for path in folder.iterdir()])
    ranks.once(lambda: shutil.rmtree(folder))
    return straight, again, left


def everything(ranks):
    return {f.__name__: f(ranks) for f in (without_chance, with_chance, resumed)}


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    return over_ranks(everything, tmp_path_factory.mktemp("everything"))


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_two_ranks_at_half_the_batch_are_one_at_the_whole(both, method):
    one, two = without_chance(ALONE)[method], both[0]["without_chance"][method]
    assert numbers(two) == pytest.approx(numbers(one), abs=1e-9, nan_ok=True)


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_ranks_hold_the_same_bits_even_where_one_has_nothing_to_learn_from(both, method):
    first, second = (rank["with_chance"][method] for rank in both)
    assert repr(numbers(first)) == repr(numbers(second))
    losses = [record["losses"] for record in first[-1]]
    assert all(np.isfinite(list(found.values())).all() for found in losses)


@pytest.mark.slow
def test_an_interrupted_run_goes_on_to_the_same_bits(both):
    for rank in both:
        straight, again, left = rank["resumed"]
        assert repr(numbers(again)) == repr(numbers(straight))
        assert left == ["run"]
