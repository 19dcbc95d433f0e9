from dataclasses import replace

import numpy as np
import pytest
import torch

from molweight.molecules.batch import collate
from molweight.molecules.head_inputs import HeadInputs
from molweight.objectives import DEFAULT_GRAPH_OBJECTIVES
from molweight.solver import LoopConfig
from molweight.tasks.problems import FinetuneProblem
from molweight.tasks.reweight import ReweightConfig, reweight

CONFIG = ReweightConfig(LoopConfig(steps=6, warmup=3), 6, 6, 6, 4, finetune_dropout=0.3)


def learned(encoder, data, parts, compute, seed=0, config=CONFIG, **options):
    return reweight(encoder, data, parts["train"], parts["valid"], config, compute, seed, **options)


def flipped(data, molecules):
    labels = data.labels.copy()
    labels[molecules] = labels[molecules].mean(0) - labels[molecules]
    labels[molecules] = 1 - np.nan_to_num(labels[molecules]).clip(0, 1)
    return replace(data, labels=labels)


def test_shares_of_every_objective_and_a_record_of_every_step(encoder, data, parts, compute):
    records = []
    result = learned(encoder, data, parts, compute, progress=records.append)
    assert list(result.weights) == list(DEFAULT_GRAPH_OBJECTIVES)
    assert sum(result.weights.values()) == pytest.approx(1)
    assert min(result.weights.values()) > 0
    assert [r.step for r in result.history] == [1, 2, 3, 4, 5, 6]
    assert repr(records) == repr(result.history)
    assert result.history[-1].weights == result.weights
    assert all(np.isfinite(r.valid_loss) == (r.step > 3) for r in result.history)


def test_the_encoder_is_left_as_it_is_and_another_given_back(encoder, data, parts, compute):
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    result = learned(encoder, data, parts, compute)
    assert all(torch.equal(value, before[name]) for name, value in encoder.state_dict().items())
    assert all(p.grad is None for p in encoder.parameters())
    assert result.encoder.dropout == encoder.dropout == 0
    moved = [
        name for name, value in result.encoder.named_parameters() if not torch.equal(value, before[name])
    ]
    # a bias before a batch normalisation has no gradient
    assert moved == [name for name, _ in encoder.named_parameters() if not name.endswith("mlp.2.bias")]


@pytest.mark.parametrize("data", ["regression"], indirect=True)
@pytest.mark.parametrize(
    ("inputs", "column"), [(HeadInputs(descriptors=True), 0), (HeadInputs(fingerprints=True), 80)]
)
def test_the_property_heads_read_what_a_store_carries(inputs, column, encoder, data, parts, compute):
    """A label that is a column of it is learned by a head that reads it, when the encoder hardly moves."""
    store = inputs.on(data.store, data.smiles)
    (read,) = inputs.of(collate(store, torch.arange(len(store))), torch.nan_to_num)
    planted = replace(data, labels=read[:, column : column + 1].float().numpy(), tasks=("planted",))
    config = replace(CONFIG, loop=LoopConfig(steps=30, warmup=3, finetune_lr=1e-5, head_lr=1e-2))
    plain, reading = (
        learned(encoder, replace(planted, store=s), parts, compute, config=config).history
        for s in (data.store, store)
    )
    assert reading[-1].finetune_loss < plain[-1].finetune_loss / 2


def test_same_seed_same_bits_and_another_seed_others(encoder, data, parts, compute):
    first, second = (learned(encoder, data, parts, compute) for _ in range(2))
    assert repr(first.history) == repr(second.history)
    states = first.encoder.state_dict(), second.encoder.state_dict()
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())
    assert repr(learned(encoder, data, parts, compute, seed=1).history) != repr(first.history)


def test_validation_labels_are_seen_by_the_weights_alone(encoder, data, parts, compute):
    """Until the weights move nothing depends on them; from then on, both validation loss and weights do."""
    plain = learned(encoder, data, parts, compute).history
    others = learned(encoder, flipped(data, parts["valid"]), parts, compute).history
    assert repr(plain[:3]) == repr(others[:3])
    assert plain[3].losses == others[3].losses
    assert plain[3].finetune_loss == others[3].finetune_loss
    assert plain[3].valid_loss != others[3].valid_loss
    assert plain[3].weights != others[3].weights


def test_train_labels_teach_the_copy_and_not_the_pretrain_problem(encoder, data, parts, compute):
    plain = learned(encoder, data, parts, compute).history
    others = learned(encoder, flipped(data, parts["train"]), parts, compute).history
    assert plain[0].finetune_loss != others[0].finetune_loss
    assert [r.losses for r in plain[:4]] == [r.losses for r in others[:4]]


def test_the_copy_is_fine_tuned_with_its_dropout(encoder, data, parts, compute, monkeypatch):
    seen = set()
    original = FinetuneProblem.forward

    def spy(self, batch):
        seen.add((self.training, self.encoder.dropout))
        return original(self, batch)

    monkeypatch.setattr(FinetuneProblem, "forward", spy)
    learned(encoder, data, parts, compute)
    assert seen == {(True, 0.3), (False, 0.3)}


def test_folds_take_turns_and_validation_labels_are_not_read(encoder, data, parts, compute):
    config = replace(CONFIG, folds=2)
    plain = learned(encoder, data, parts, compute, config=config).history
    others = learned(encoder, flipped(data, parts["valid"]), parts, compute, config=config).history
    assert [record.fold for record in plain] == [0, 1] * 3
    assert repr(plain) == repr(others)
    assert all(np.isfinite(record.valid_loss) for record in plain[3:])


def test_weights_wait_until_each_fold_has_spoken(encoder, data, parts, compute):
    config = replace(CONFIG, folds=2)
    weights = [record.weights for record in learned(encoder, data, parts, compute, config=config).history]
    assert weights[3] == weights[0]
    assert learned(encoder, data, parts, compute).history[3].weights != weights[0]


@pytest.mark.parametrize("folds", [-1, 1])
def test_one_fold_is_none(folds):
    with pytest.raises(ValueError, match="folds must be 0 or at least 2"):
        replace(CONFIG, folds=folds)


def test_an_interrupted_run_over_folds_goes_on_to_the_same_bits(
    encoder, data, parts, compute, tmp_path, monkeypatch
):
    monkeypatch.setattr("molweight.tasks.learning.SNAPSHOT_EVERY", 1)
    config = replace(CONFIG, folds=2)
    whole = learned(encoder, data, parts, compute, config=config)

    def interrupt(record):
        if record.step == 5:
            raise KeyboardInterrupt

    snapshot = tmp_path / "run.safetensors"
    with pytest.raises(KeyboardInterrupt):
        learned(encoder, data, parts, compute, config=config, snapshot=snapshot, progress=interrupt)
    resumed = learned(encoder, data, parts, compute, config=config, snapshot=snapshot)
    assert repr(resumed.history) == repr(whole.history)
    states = whole.encoder.state_dict(), resumed.encoder.state_dict()
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())
