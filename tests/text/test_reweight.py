from dataclasses import replace

import numpy as np
import pytest
import torch

from molweight.encoders.transformer import TextEncoder
from molweight.errors import DataError
from molweight.objectives import TEXT_OBJECTIVES, text_objectives
from molweight.solver import LoopConfig, conjugate_gradient
from molweight.solver.inverse import NEGATIVE_CURVATURE
from molweight.solver.weights import uniform_weights
from molweight.tasks import learning
from molweight.tasks.data import as_tensor
from molweight.text.pretrain import TextPretrainConfig, pretrain_text
from molweight.text.reweight import TextReweightConfig, pretrain_problem, reweight_text

CONFIG = TextReweightConfig(LoopConfig(steps=6, warmup=3, head_lr=1e-3), 6, 6, 4, 4)


def learned(checkpoint, data, store, split, compute, config=CONFIG, seed=0, **options):
    return reweight_text(
        checkpoint.encoder, data, store, split.train, split.valid, config, compute, seed, **options
    )


def test_a_share_of_every_objective_and_a_record_of_every_step(checkpoint, data, store, split, compute):
    before = {name: value.clone() for name, value in checkpoint.encoder.state_dict().items()}
    records = []
    found = learned(checkpoint, data, store, split, compute, progress=records.append)
    assert list(found.weights) == list(TEXT_OBJECTIVES)
    assert sum(found.weights.values()) == pytest.approx(1)
    assert len(set(found.weights.values())) == 4
    assert repr(records) == repr(found.history)
    assert [r.step for r in records] == [1, 2, 3, 4, 5, 6]
    assert all(np.isfinite(r.valid_loss) == (r.step > 3) for r in records)
    assert all(torch.equal(value, before[n]) for n, value in checkpoint.encoder.state_dict().items())
    moved = [n for n, p in found.encoder.named_parameters() if not torch.equal(p, before[n])]
    assert len(moved) > len(before) / 2


def test_weights_that_never_move_are_equal_pretraining_to_the_bit(checkpoint, data, store, split, compute):
    """So weights are all that methods differ by."""
    still = replace(CONFIG, loop=replace(CONFIG.loop, warmup=6))
    found = learned(checkpoint, data, store, split, compute, still)
    torch.manual_seed(0)
    problem = pretrain_problem(checkpoint.encoder, text_objectives, CONFIG.dropout, compute)
    config = TextPretrainConfig(6, CONFIG.pretrain_batch, CONFIG.loop.pretrain_lr, CONFIG.loop.head_lr)
    texts, weights = as_tensor(split.train, compute.device), uniform_weights(list(TEXT_OBJECTIVES))
    losses = list(pretrain_text(problem, store, texts, weights, config))
    assert losses == [record.losses for record in found.history]
    pairs = zip(problem.encoder.parameters(), found.encoder.parameters(), strict=True)
    assert all(torch.equal(ours, theirs) for ours, theirs in pairs)


def test_same_seed_same_bits_and_another_seed_others(checkpoint, data, store, split, compute):
    first, second = (learned(checkpoint, data, store, split, compute) for _ in range(2))
    assert repr(first.history) == repr(second.history)
    assert repr(learned(checkpoint, data, store, split, compute, seed=1).history) != repr(first.history)


def test_validation_labels_are_seen_by_the_weights_alone(checkpoint, data, store, split, compute):
    labels = data.labels.copy()
    labels[split.valid] = np.roll(labels[split.valid], 1)
    plain = learned(checkpoint, data, store, split, compute).history
    others = learned(checkpoint, replace(data, labels=labels), store, split, compute).history
    assert repr(plain[:3]) == repr(others[:3])
    assert plain[3].losses == others[3].losses
    assert plain[3].finetune_loss == others[3].finetune_loss
    assert plain[3].valid_loss != others[3].valid_loss


def test_test_labels_are_not_read(checkpoint, data, store, split, compute):
    shown = learned(checkpoint, data, store, split, compute)
    hidden = learned(checkpoint, data.hide_labels(split.test), store, split, compute)
    assert repr(shown.history) == repr(hidden.history)


def test_a_corpus_takes_the_place_of_the_train_texts(checkpoint, data, store, split, compute):
    corpus = checkpoint.tokeniser.tokenise(["the cell binds a strong acid. it is good"] * 8, None, 32)
    plain = learned(checkpoint, data, store, split, compute).history
    beside = learned(checkpoint, data, store, split, compute, corpus=corpus).history
    assert plain[0].losses != beside[0].losses
    assert plain[0].finetune_loss == beside[0].finetune_loss


@pytest.mark.parametrize("curvature", ["hessian", "gauss_newton"])
def test_both_levels_can_be_solved(curvature, checkpoint, data, store, split, compute):
    """Gauss-Newton's matrix has a rank of texts × outputs at most, so that conjugate gradients end.

    The head has no proximal term, and few texts do not determine it: without damping its part is singular.
    """
    solver = conjugate_gradient(40, damping=1.0)
    loop = replace(CONFIG.loop, steps=4, level1=solver, level2=solver, curvature=curvature)
    found = learned(checkpoint, data, store, split, compute, replace(CONFIG, loop=loop)).history[-1]
    if curvature == "gauss_newton":
        assert found.residuals["level2"] < 1e-2
    else:  # which may curve downwards, and then ends there
        assert found.residuals["level2"] < 1e-2 or found.statuses["level2"] == NEGATIVE_CURVATURE
    assert np.isfinite(found.residuals["level1"])


def test_killed_and_resumed_it_comes_to_the_same_bits(
    checkpoint, data, store, split, compute, tmp_path, monkeypatch
):
    monkeypatch.setattr(learning, "SNAPSHOT_EVERY", 2)
    snapshot, whole = tmp_path / "kept.safetensors", learned(checkpoint, data, store, split, compute)

    def stop(record):
        if record.step == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        learned(checkpoint, data, store, split, compute, progress=stop, snapshot=snapshot)
    steps = []
    resumed = learned(
        checkpoint, data, store, split, compute, progress=lambda r: steps.append(r.step), snapshot=snapshot
    )
    assert steps == [5, 6]
    assert repr(resumed.history) == repr(whole.history)
    pairs = zip(resumed.encoder.parameters(), whole.encoder.parameters(), strict=True)
    assert all(torch.equal(ours, theirs) for ours, theirs in pairs)
    with pytest.raises(DataError, match="begun with other data or settings"):
        learned(checkpoint, data, store, split, compute, seed=1, snapshot=snapshot)


def test_rates_of_dropout_are_those_of_the_settings(checkpoint, data, store, split, compute, monkeypatch):
    """The contrasted views differ by the pretrained encoder's; the copy has none."""
    seen = set()
    original = TextEncoder.forward

    def spy(self, batch):
        seen.update((m.p, m.training) for m in self.modules() if isinstance(m, torch.nn.Dropout))
        return original(self, batch)

    monkeypatch.setattr(TextEncoder, "forward", spy)
    learned(checkpoint, data, store, split, compute)
    assert seen == {(0.1, True), (0.0, True), (0.0, False)}
