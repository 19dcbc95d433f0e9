import json

import numpy as np
import pytest
import torch

from molweight.benchmarks.planting import LEAK, NOISE, plant
from molweight.encoders.compute import Compute
from molweight.encoders.gin import GIN
from molweight.molecules.store import store_from_smiles
from molweight.objectives import DEFAULT_GRAPH_OBJECTIVES
from molweight.tasks.data import TaskData

CPU = Compute(torch.device("cpu"), torch.float32)
SMILES = ["C" * n for n in range(1, 25)]
LABELS = np.arange(24, dtype=np.float32)[:, None]


@pytest.fixture
def planted():
    data = TaskData(SMILES, store_from_smiles(SMILES), LABELS, ("length",), "regression")
    return plant(data.hide_labels(np.array([0, 1])), np.arange(2, 24), 8, CPU, seed=3)


def test_parts_are_disjoint_and_leave_the_rest_alone(planted):
    parts = [planted.train, planted.valid, planted.held_back]
    assert sorted(np.concatenate(parts)) == list(range(2, 24))
    assert planted.sizes == {"train": 5, "valid": 5, "held_back": 12}


def test_the_leak_knows_the_labels_of_those_held_back_and_the_noise_the_same_ones_elsewhere(planted):
    objectives = planted.objectives(8)
    assert list(objectives) == [*DEFAULT_GRAPH_OBJECTIVES, LEAK, NOISE]
    truth = torch.from_numpy(LABELS[planted.held_back])
    leak, noise = objectives[LEAK].labels, objectives[NOISE].labels
    assert torch.equal(objectives[LEAK].molecules, torch.from_numpy(planted.held_back))
    order = leak.flatten().argsort()
    assert torch.equal(order, truth.flatten().argsort())  # the same but for the scale of the train labels
    assert not torch.equal(leak, noise)
    assert torch.equal(leak.sort(dim=0).values, noise.sort(dim=0).values)


def test_a_planted_objective_draws_its_own_molecules_whatever_the_batch(planted):
    torch.manual_seed(0)
    leak, encoder = planted.objectives(8)[LEAK], GIN(2, 8)
    torch.nn.init.normal_(leak.head.weight)
    with torch.no_grad():
        losses = [float(leak(encoder, None, torch.Generator().manual_seed(seed))) for seed in (1, 1, 2)]
    assert losses[0] == losses[1] != losses[2]


@pytest.mark.parametrize("options", [(), ("--raw",)])
def test_the_command_counts_seeds(options, run_cli, small_data, tmp_path):
    out = tmp_path / "plant"
    arguments = ("bench", "freesolv", "--plant", "--seeds", "2", "--budget", "smoke", "--device", "cpu")
    code, text, _ = run_cli(*arguments, *options, "--data-dir", small_data, "--out", out)
    found = json.loads((out / "plant.json").read_text())
    assert code == 0
    assert (out / "weights.png").stat().st_size > 10_000
    above = sum(weight > 1 / 6 for weight in found["weights"][LEAK])
    below = sum(weight < 1 / 6 for weight in found["weights"][NOISE])
    assert (found["leak_above"], found["noise_below"]) == (above, below)
    assert f"of 2 seeds, the leak ended above an equal share in {above}, the noise below in {below}" in text
    assert found["config"]["loop"]["normalise"] is (options == ())


def test_raw_is_an_ablation_of_planting_alone(run_cli, small_data):
    code, _, error = run_cli("bench", "freesolv", "--raw", "--data-dir", small_data)
    assert code == 2
    assert "--raw goes with --plant" in error
