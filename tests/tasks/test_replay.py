"""Steps of fixed shape, run on a CPU, against the steps on batches of their own shape."""

from dataclasses import replace

import pytest
import torch
from padded import well_conditioned
from torch._subclasses.fake_tensor import DynamicOutputShapeException, FakeTensorMode

from molweight.encoders.compute import Compute
from molweight.encoders.gin import GIN
from molweight.molecules import padding
from molweight.molecules.batch import collate
from molweight.objectives import DEFAULT_GRAPH_OBJECTIVES, graph_objectives
from molweight.solver.device_step import device_step
from molweight.solver.weights import uniform_weights
from molweight.tasks import pretrain as pretrain_module
from molweight.tasks.data import LabelledBatch
from molweight.tasks.finetune import FinetuneConfig, finetune, finetuning_step
from molweight.tasks.metrics import RMSE, ROC_AUC
from molweight.tasks.optimisers import adam, set_rate
from molweight.tasks.pretrain import PretrainConfig, PretrainState, pretrain
from molweight.tasks.problems import FinetuneProblem, PretrainProblem
from molweight.tasks.replay import Replay

UNIFORM = uniform_weights(list(DEFAULT_GRAPH_OBJECTIVES))


@pytest.fixture
def fixed_shape(monkeypatch) -> None:
    """Training as on a GPU."""
    monkeypatch.setattr(Compute, "replays", True)


def fine_tuned(encoder, data, parts, compute):
    config, records = FinetuneConfig(epochs=3, patience=3, batch_size=5, dropout=0.0), []
    metric = ROC_AUC if data.kind == "classification" else RMSE
    model = finetune(
        encoder, data, parts["train"], parts["valid"], metric, config, compute, 0, records.append
    )
    return [r.loss for r in records], model.predict(data.store, parts["test"])


def test_fine_tuning_is_that_of_unpadded_batches(encoder, data, parts, compute, monkeypatch):
    encoder = well_conditioned(encoder)
    losses, predicted = fine_tuned(encoder, data, parts, compute)
    monkeypatch.setattr(Compute, "replays", True)
    others, found = fine_tuned(encoder, data, parts, compute)
    assert others == pytest.approx(losses, rel=1e-2)
    assert found == pytest.approx(predicted, rel=5e-2, abs=5e-2)


def test_a_batch_that_has_no_room_is_taken_as_it_is(encoder, data, parts, compute, monkeypatch, fixed_shape):
    losses, _ = fine_tuned(encoder, data, parts, compute)
    monkeypatch.setattr(padding.Sizes, "fit", lambda *_: False)
    monkeypatch.setattr(Replay, "__call__", None)
    others, _ = fine_tuned(encoder, data, parts, compute)
    assert others == pytest.approx(losses, rel=1e-2)


def pretrained(data, compute, steps=4, batch_size=8, state=None, lr=1e-2):
    config = PretrainConfig(steps=steps, batch_size=batch_size, lr=lr, seed=1)
    if state is None:
        torch.manual_seed(0)
        state = PretrainState.start(PretrainProblem(GIN(2, 8), graph_objectives(8), compute), config)
    return state, list(pretrain(state, data.store, torch.arange(20), UNIFORM, config))


def test_pretraining_repeats_itself_and_goes_on_where_it_stopped(data, compute, fixed_shape):
    first, losses = pretrained(data, compute)
    half, begun = pretrained(data, compute, steps=2)
    _, rest = pretrained(data, compute, state=half)
    assert begun + rest == losses
    states = first.problem.state_dict(), half.problem.state_dict()
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())
    assert first.scale.norms == half.scale.norms
    assert set(first.scale.norms) == set(DEFAULT_GRAPH_OBJECTIVES)


def test_random_choices_have_the_same_distribution_as_in_unpadded_batches(data, compute, monkeypatch):
    """At fixed parameters the losses of many draws have the same mean, within its standard error."""
    drawn = []
    for replays in (False, True):
        monkeypatch.setattr(Compute, "replays", replays)
        _, losses = pretrained(data, compute, steps=80, batch_size=20, lr=1e-12)
        drawn.append(torch.tensor([list(step.values()) for step in losses]))
    error = ((drawn[0].var(0) + drawn[1].var(0)) / 80).sqrt()
    assert ((drawn[0].mean(0) - drawn[1].mean(0)).abs() < 4 * error).all()


def test_pretraining_falls_back_for_a_batch_without_room(data, compute, monkeypatch, fixed_shape):
    taken = []
    original = pretrain_module.pretrain_step
    monkeypatch.setattr(
        pretrain_module, "pretrain_step", lambda *a, **k: taken.append(a) or original(*a, **k)
    )
    fits = padding.Sizes.fit
    monkeypatch.setattr(
        padding.Sizes, "fit", lambda self, chosen, room: len(taken) > 0 and fits(self, chosen, room)
    )
    state, losses = pretrained(data, compute)
    assert len(taken) == 1
    assert len(losses) == state.step == 4


def test_a_loss_that_is_not_finite_is_named_and_changes_no_parameter(data, compute, fixed_shape):
    state, _ = pretrained(data, compute, steps=1)
    with torch.no_grad():
        state.problem.objectives["contrastive"].head[0].weight.fill_(torch.nan)
    before = {name: p.detach().clone() for name, p in state.problem.named_parameters()}
    moments = [v.clone() for s in state.optimiser.state.values() for v in s.values()]
    norms = dict(state.scale.norms)
    with pytest.raises(FloatingPointError, match="objective contrastive is nan"):
        pretrained(data, compute, state=state)
    assert state.scale.norms == norms
    for name, p in state.problem.named_parameters():
        assert torch.equal(p.nan_to_num(), before[name].nan_to_num()), name
    after = [v for s in state.optimiser.state.values() for v in s.values()]
    assert all(torch.equal(a, b) for a, b in zip(moments, after, strict=True))


def test_on_a_cpu_the_program_runs_at_each_call():
    runs = []

    def program(x, y):
        runs.append((x.item(), y.item()))
        return x + y

    replay = Replay(program, [torch.zeros(()), torch.zeros(())])
    assert [replay(torch.tensor(float(i)), torch.tensor(2.0)).item() for i in range(5)] == [2, 3, 4, 5, 6]
    assert runs == [(float(i), 2.0) for i in range(5)]


def test_only_a_gpu_replays_and_only_where_it_is_to():
    for device, graphs, expected in (("cpu", True, False), ("cuda", True, True), ("cuda", False, False)):
        assert Compute(torch.device(device), torch.float32, graphs).replays == expected


def test_the_rate_is_set_in_place_where_it_is_a_tensor():
    parameter = torch.nn.Parameter(torch.zeros(2))
    optimiser = adam([parameter], 0.1, torch.device("cpu"))
    set_rate(optimiser, 0.2)
    assert optimiser.param_groups[0]["lr"] == 0.2
    optimiser.param_groups[0]["lr"] = rate = torch.tensor(0.1)
    set_rate(optimiser, 0.3)
    assert optimiser.param_groups[0]["lr"] is rate
    assert rate.item() == pytest.approx(0.3)


def test_compute_prints_the_same_whether_it_replays():
    compute = Compute(torch.device("cuda"), torch.bfloat16)
    assert str(compute) == str(replace(compute, graphs=False)) == "cuda bfloat16"


def test_programs_wait_for_no_value_and_those_of_unpadded_batches_do(data):
    """On tensors that have a shape and no values, whatever asks for one raises."""
    mode = FakeTensorMode()
    held = {name: value for name, value in vars(data.store).items() if isinstance(value, torch.Tensor)}
    store = replace(data.store, **{name: mode.from_tensor(value) for name, value in held.items()})
    with mode:
        compute = Compute(torch.device("cpu"), torch.bfloat16)
        problem = PretrainProblem(GIN(2, 8), graph_objectives(8), compute)
        task = FinetuneProblem(problem.encoder, 2, data.kind, compute)
        molecules, numbers = torch.arange(6), torch.ones(4, dtype=torch.float64)
        padded = padding.collate_padded(store, molecules, padding.Capacity(128, 512))
        losses = problem.losses(padded, [torch.Generator()] * 4)
        params = dict(problem.named_parameters())
        optimiser = adam(problem.parameters(), 0.1, compute.device)
        assert device_step(losses, params, optimiser, numbers, numbers, True).shape == (2, 4)
        labelled = LabelledBatch(padded, torch.zeros(6, 2))
        torch.autograd.grad(task.loss(task(labelled), labelled), list(task.parameters()))
        with pytest.raises(DynamicOutputShapeException):
            collate(store, molecules)


def test_gradients_lie_in_memory_as_their_parameters_do(encoder, data, fixed_shape):
    """A fused Adam on a GPU takes no others."""
    compute = Compute(torch.device("cpu"), torch.float32)
    problem = FinetuneProblem(encoder, 2, data.kind, compute)
    optimiser = adam(problem.parameters(), 1e-3, compute.device)
    molecules = torch.arange(len(data.smiles))
    step = finetuning_step(problem, data.store, torch.from_numpy(data.labels), molecules, optimiser, 8)
    step(molecules[:8])
    assert all(p.grad.stride() == p.stride() for p in problem.parameters())
