import numpy as np
import pytest
import torch

from molweight.errors import DataError
from molweight.molecules.fingerprints import ecfp4
from molweight.molecules.head_inputs import GRAPH_ALONE, HeadInputs
from molweight.objectives import graph_objectives
from molweight.solver import LoopConfig
from molweight.solver.weights import uniform_weights
from molweight.tasks import finetune as finetune_module
from molweight.tasks.baselines import RandomForest
from molweight.tasks.finetune import FinetuneConfig, finetune
from molweight.tasks.metrics import RMSE, ROC_AUC, score
from molweight.tasks.pretrain import PretrainConfig, PretrainState, pretrain
from molweight.tasks.problems import PretrainProblem
from molweight.tasks.reweight import ReweightConfig, reweight
from molweight.tasks.snapshots import read_about, restore_snapshot, save_snapshot

FAST = FinetuneConfig(epochs=3, patience=3, batch_size=6, dropout=0.2)
LOOP = ReweightConfig(LoopConfig(steps=5, warmup=2), 6, 6, 6, 4)


def metric_of(data):
    return ROC_AUC if data.kind == "classification" else RMSE


def corrupt(data, molecules):
    labels = data.labels.copy()
    labels[molecules] = 1 - labels[molecules]
    return type(data)(data.smiles, data.store, labels, data.tasks, data.kind)


def test_fine_tuning_fits_its_train_molecules(encoder, data, compute):
    everything = np.arange(20)
    config = FinetuneConfig(epochs=80, patience=80, batch_size=10, lr=1e-2, dropout=0.0)
    model = finetune(encoder, data, everything, everything, metric_of(data), config, compute, 0)
    reached = score(metric_of(data), data.labels, model.predict(data.store, everything), data.tasks).value
    assert reached == pytest.approx(model.valid)
    assert reached > 0.99 if data.kind == "classification" else reached < 0.8


def test_the_best_epoch_is_kept_and_patience_ends_training(encoder, data, parts, compute, monkeypatch):
    sequence = iter([0.5, 0.7, 0.6, 0.6, 0.9])
    monkeypatch.setattr(finetune_module, "score", lambda *_: type("S", (), {"value": next(sequence)}))
    states, records = [], []
    original = finetune_module._epoch

    def spy(problem, *rest):
        loss = original(problem, *rest)
        states.append({n: v.clone() for n, v in problem.state_dict().items()})
        return loss

    monkeypatch.setattr(finetune_module, "_epoch", spy)
    config = FinetuneConfig(epochs=9, patience=2, batch_size=6)
    arguments = (data, parts["train"], parts["valid"], ROC_AUC, config, compute, 0, records.append)
    model = finetune(encoder, *arguments)
    assert [r.valid for r in records] == [0.5, 0.7, 0.6, 0.6]
    assert model.valid == 0.7
    assert all(torch.equal(v, states[1][n]) for n, v in model.problem.state_dict().items())


def test_fine_tuning_is_decided_by_seed_and_leaves_the_encoder_alone(encoder, data, parts, compute):
    before = {n: v.clone() for n, v in encoder.state_dict().items()}

    def predicted(seed):
        arguments = (data, parts["train"], parts["valid"], metric_of(data), FAST, compute, seed)
        return finetune(encoder, *arguments).predict(data.store, parts["test"])

    assert np.array_equal(predicted(1), predicted(1))
    assert not np.array_equal(predicted(1), predicted(2))
    assert all(torch.equal(v, before[n]) for n, v in encoder.state_dict().items())


def test_fine_tuning_reads_no_label_outside_train_and_valid(encoder, data, parts, compute):
    predictions = []
    for each in (data, corrupt(data, parts["test"])):
        arguments = (each, parts["train"], parts["valid"], metric_of(data), FAST, compute, 0)
        predictions.append(finetune(encoder, *arguments).predict(data.store, parts["test"]))
    assert np.array_equal(*predictions)


def test_reweighting_reads_no_label_outside_train_and_valid(encoder, data, parts, compute):
    results = []
    for each in (data, corrupt(data, parts["test"])):
        results.append(reweight(encoder, each, parts["train"], parts["valid"], LOOP, compute, 0))
    assert repr(results[0].history) == repr(results[1].history)
    assert sum(results[0].weights.values()) == pytest.approx(1)
    assert len(results[0].history) == 5
    states = [r.encoder.state_dict() for r in results]
    assert all(torch.equal(v, states[1][n]) for n, v in states[0].items())
    assert not torch.equal(states[0]["node_embeddings.0.weight"], encoder.node_embeddings[0].weight)


@pytest.mark.parametrize("inputs", [GRAPH_ALONE, HeadInputs(descriptors=True, fingerprints=True)])
def test_reweighting_in_bfloat16_is_near_single_precision(encoder, data, parts, compute, inputs):
    half = type(compute)(compute.device, torch.bfloat16)
    data = data.for_heads(inputs)
    runs = [reweight(encoder, data, parts["train"], parts["valid"], LOOP, c, 0) for c in (compute, half)]
    for name, value in runs[0].history[0].losses.items():
        assert runs[1].history[0].losses[name] == pytest.approx(value, rel=0.05)


def pretrain_state(encoder_seed, compute, config):
    torch.manual_seed(encoder_seed)
    from molweight.encoders.gin import GIN

    return PretrainState.start(PretrainProblem(GIN(2, 8), graph_objectives(8), compute), config)


def test_a_restored_run_ends_at_the_same_bits(data, compute, tmp_path):
    config = PretrainConfig(steps=6, batch_size=8, warmup=2, decay=True, seed=3)
    molecules = torch.arange(20)
    straight = pretrain_state(0, compute, config)
    weights = uniform_weights(list(straight.problem.objectives))
    losses = list(pretrain(straight, data.store, molecules, weights, config))
    interrupted = pretrain_state(0, compute, config)
    run = pretrain(interrupted, data.store, molecules, weights, config)
    first = [next(run) for _ in range(3)]
    save_snapshot(interrupted, tmp_path / "s.safetensors", {"note": [1, 2]})
    resumed = pretrain_state(7, compute, config)
    restore_snapshot(resumed, tmp_path / "s.safetensors")
    assert read_about(tmp_path / "s.safetensors") == {"note": [1, 2]}
    assert first + list(pretrain(resumed, data.store, molecules, weights, config)) == losses
    states = straight.problem.state_dict(), resumed.problem.state_dict()
    assert all(torch.equal(v, states[1][n]) for n, v in states[0].items())
    assert straight.scale.norms == resumed.scale.norms


def test_learning_rate_rises_and_falls():
    config = PretrainConfig(steps=100, batch_size=1, lr=1.0, warmup=10, decay=True)
    rates = [config.lr_at(step) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == rates[9] == rates[10] == 1
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[-1] < 0.01
    assert PretrainConfig(steps=9, batch_size=1, lr=0.3).lr_at(8) == 0.3


def test_files_that_are_no_snapshots_are_refused(tmp_path):
    path = tmp_path / "s.safetensors"
    path.write_bytes(b"garbage")
    with pytest.raises(DataError, match="not a snapshot"):
        read_about(path)


def test_random_forest_learns_each_task_on_its_own_labels(data):
    everything = np.arange(20)
    forest = RandomForest.fit(data, everything, seed=0)
    predicted = forest.predict(data.smiles)
    assert predicted.shape == (20, 2)
    reached = score(metric_of(data), data.labels, predicted, data.tasks).per_task["hetero"]
    assert reached > 0.99 if data.kind == "classification" else reached < 1.5
    assert np.array_equal(RandomForest.fit(data, everything, seed=0).predict(data.smiles), predicted)


def test_random_forest_gives_a_constant_where_there_is_nothing_to_learn(data):
    labels = data.labels.copy()
    labels[:, 1] = np.nan
    labels[:3, 1] = 1
    one_class = type(data)(data.smiles, data.store, labels, data.tasks, data.kind)
    assert (RandomForest.fit(one_class, np.arange(20), seed=0).predict(data.smiles)[:, 1] == 1).all()


def test_fingerprints_are_2048_bits():
    bits = ecfp4(["CCO", "CCO", "c1ccccc1"])
    assert bits.shape == (3, 2048)
    assert np.array_equal(bits[0], bits[1])
    assert not np.array_equal(bits[0], bits[2])
    assert set(np.unique(bits)) == {0, 1}
