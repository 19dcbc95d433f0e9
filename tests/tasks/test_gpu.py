"""Training on a GPU, replayed and not, and against a CPU; run with -m gpu where there is one."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from padded import well_conditioned

from molweight.encoders.compute import Compute
from molweight.encoders.gin import GIN
from molweight.molecules.padding import Sizes
from molweight.objectives import DEFAULT_GRAPH_OBJECTIVES, graph_objectives
from molweight.solver import LoopConfig
from molweight.solver.weights import uniform_weights
from molweight.tasks import replay
from molweight.tasks.finetune import FinetuneConfig, finetune
from molweight.tasks.methods import METHODS
from molweight.tasks.metrics import RMSE, ROC_AUC
from molweight.tasks.pretrain import PretrainConfig, PretrainState, pretrain
from molweight.tasks.problems import PretrainProblem
from molweight.tasks.replay import Replay
from molweight.tasks.reweight import ReweightConfig, reweight

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]

GPU = Compute(torch.device("cuda"), torch.float32)
HALF = replace(GPU, dtype=torch.bfloat16)
UNIFORM = uniform_weights(list(DEFAULT_GRAPH_OBJECTIVES))


@pytest.fixture
def captured(monkeypatch) -> list[Replay]:
    """Every program that was recorded."""
    found: list[Replay] = []
    original = Replay._captured
    monkeypatch.setattr(Replay, "_captured", lambda self: found.append(self) or original(self))
    return found


def fine_tuned(encoder, data, parts, compute, dropout=0.0, epochs=6):
    config, records = FinetuneConfig(epochs, epochs, batch_size=5, dropout=dropout), []
    metric = ROC_AUC if data.kind == "classification" else RMSE
    encoder = well_conditioned(copy.deepcopy(encoder))
    model = finetune(
        encoder, data, parts["train"], parts["valid"], metric, config, compute, 0, records.append
    )
    return [r.loss for r in records], model.predict(data.store, parts["test"])


def test_fine_tuning_replayed_is_fine_tuning(encoder, data, parts, captured):
    losses, predicted = fine_tuned(encoder, data, parts, replace(GPU, graphs=False))
    assert not captured
    others, found = fine_tuned(encoder, data, parts, GPU)
    assert [program.runs for program in captured] == [12]  # of two steps in each of six epochs
    assert others == pytest.approx(losses, rel=1e-2)
    assert found == pytest.approx(predicted, rel=5e-2, abs=5e-2)


def test_fine_tuning_in_half_precision_is_near(encoder, data, parts, captured):
    losses, _ = fine_tuned(encoder, data, parts, GPU)
    others, found = fine_tuned(encoder, data, parts, HALF)
    assert len(captured) == 2
    assert others == pytest.approx(losses, rel=0.1)
    assert np.isfinite(found).all()


def test_fine_tuning_with_dropout_repeats_itself_to_the_bit(encoder, data, parts):
    first, second = (fine_tuned(encoder, data, parts, GPU, dropout=0.5) for _ in range(2))
    assert first[0] == second[0]
    assert np.array_equal(first[1], second[1])
    assert fine_tuned(encoder, data, parts, GPU)[0] != first[0]


def pretrained(data, compute, steps=8, batch_size=8, lr=1e-2, state=None, seed=1):
    config = PretrainConfig(steps, batch_size, lr, seed=seed)
    if state is None:
        torch.manual_seed(0)
        problem = PretrainProblem(GIN(2, 8), graph_objectives(8), compute)
        state = PretrainState.start(problem.to(compute.device), config)
    store = data.store.to(compute.device)
    return state, list(pretrain(state, store, torch.arange(20), UNIFORM, config))


def values(losses):
    return np.array([list(step.values()) for step in losses])


def test_a_replayed_step_is_the_step_with_its_random_choices(data, captured, monkeypatch):
    state, losses = pretrained(data, GPU)
    assert [program.runs for program in captured] == [8]
    monkeypatch.setattr(replay, "WARM_UP", 1000)
    other, plain = pretrained(data, GPU)
    assert len(captured) == 1
    assert values(losses) == pytest.approx(values(plain), rel=1e-3)
    for (name, p), q in zip(state.problem.named_parameters(), other.problem.parameters(), strict=True):
        assert torch.allclose(p, q, rtol=1e-2, atol=1e-3), name


def test_pretraining_repeats_itself_to_the_bit_and_draws_anew_in_each_step(data):
    (first, losses), (second, again) = (pretrained(data, GPU) for _ in range(2))
    assert losses == again
    for (name, p), q in zip(first.problem.named_parameters(), second.problem.parameters(), strict=True):
        assert torch.equal(p, q), name
    _, still = pretrained(data, GPU, batch_size=20, lr=1e-12)
    assert len({step["attribute_masking"] for step in still}) == 8
    assert pretrained(data, GPU, seed=2)[1] != losses


def test_pretraining_goes_on_where_it_stopped(data):
    _, losses = pretrained(data, GPU)
    half, begun = pretrained(data, GPU, steps=5)
    _, rest = pretrained(data, GPU, state=half)
    assert values(begun + rest) == pytest.approx(values(losses), rel=1e-3)


def test_random_choices_have_the_same_distribution_as_without_graphs(data):
    """At fixed parameters the losses of many draws have the same mean, within its standard error."""
    drawn = [
        values(pretrained(data, compute, steps=150, batch_size=20, lr=1e-12)[1])
        for compute in (replace(GPU, graphs=False), GPU, HALF)
    ]
    error = np.sqrt(sum(losses.var(0) for losses in drawn[:2]) / 150)
    assert (np.abs(drawn[1].mean(0) - drawn[0].mean(0)) < 4 * error).all()
    assert (np.abs(drawn[2].mean(0) - drawn[0].mean(0)) < 4 * error + 0.02 * drawn[0].mean(0)).all()


def test_a_batch_that_has_no_room_is_taken_as_it_is_between_replays(data, captured, monkeypatch):
    asked = []
    monkeypatch.setattr(Sizes, "fit", lambda *_: asked.append(0) or len(asked) != 6)
    state, losses = pretrained(data, GPU, steps=9)
    assert [program.runs for program in captured] == [8]
    assert np.isfinite(values(losses)).all()
    assert state.step == 9


def test_a_loss_that_is_not_finite_changes_no_parameter(data):
    state, _ = pretrained(data, GPU, steps=6)
    with torch.no_grad():
        state.problem.objectives["contrastive"].head[0].weight.fill_(torch.nan)
    before = {name: p.detach().clone() for name, p in state.problem.named_parameters()}
    with pytest.raises(FloatingPointError, match="objective contrastive is nan"):
        pretrained(data, GPU, state=state)
    for name, p in state.problem.named_parameters():
        assert torch.equal(p.nan_to_num(), before[name].nan_to_num()), name


def test_learning_weights_on_a_gpu_is_that_on_a_cpu(encoder, data, parts):
    """The three-level loop takes the composed layers there, with random choices drawn on the CPU."""
    config = ReweightConfig(LoopConfig(steps=4, warmup=2), 12, 12, 12, 4)
    results = [
        reweight(
            well_conditioned(copy.deepcopy(encoder)), data, parts["train"], parts["valid"], config, compute, 0
        )
        for compute in (Compute(torch.device("cpu"), torch.float32), GPU, GPU)
    ]
    for found in results[1:]:
        assert found.weights == pytest.approx(results[0].weights, rel=2e-2)
        for ours, expected in zip(found.history, results[0].history, strict=True):
            assert ours.losses == pytest.approx(expected.losses, rel=2e-3)
            assert ours.cosines == pytest.approx(expected.cosines, rel=2e-2, abs=2e-3, nan_ok=True)


@pytest.mark.parametrize(
    "name",
    ["probe", "single-contrastive", "gradnorm", "cosine", "aligned-joint", "fixed-learned", "two-level"],
)
def test_methods_run_there_and_repeat_their_weights_up_to_rounding(name, job):
    first, second = (METHODS[name](replace(job, compute=GPU)) for _ in range(2))
    assert np.isfinite(first.predict(np.arange(20))).all()
    if first.weights is not None:
        assert first.weights == pytest.approx(second.weights, abs=0.05)
