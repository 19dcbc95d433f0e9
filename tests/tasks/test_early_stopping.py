import pytest
import torch
from torch import nn

from molweight.errors import DataError
from molweight.tasks.early_stopping import FinetuneRecord, keep_best_epoch, mean_state


class Counter(nn.Module):
    """Its one parameter is the number of the epoch that it is in, counted from 1."""

    def __init__(self) -> None:
        super().__init__()
        self.epochs = nn.Parameter(torch.zeros(()))

    def losses(self, most: int):
        for epoch in range(most):
            self.train()
            with torch.no_grad():
                self.epochs += 1
            yield 1 / (epoch + 1)


def run(scores: list[float], higher_is_better: bool = True, patience: int = 2, average: int = 1):
    problem, seen = Counter(), []
    best = keep_best_epoch(
        problem,
        problem.losses(len(scores)),
        lambda: scores[len(seen)],
        "accuracy",
        "the validation part",
        higher_is_better,
        patience,
        seen.append,
        average,
    )
    return best, problem, seen


@pytest.mark.parametrize(
    ("scores", "higher_is_better", "epoch", "trained"),
    [
        ([0.5, 0.7, 0.6, 0.65, 0.9], True, 2, 4),  # stopped before it would have been better again
        ([0.5, 0.7, 0.6, 0.8, 0.9], True, 5, 5),
        ([0.5, 0.7, 0.6, 0.8, 0.9], False, 1, 3),
        ([0.7, 0.7, 0.7], True, 1, 3),  # the first of equals
        ([-1.0], True, 1, 1),
    ],
)
def test_the_best_epoch_is_kept_and_no_more_are_trained_than_patience_has(
    scores, higher_is_better, epoch, trained
):
    best, problem, seen = run(scores, higher_is_better)
    assert best == scores[epoch - 1]
    assert problem.epochs == epoch
    assert not problem.training
    assert seen == [FinetuneRecord(i, 1 / (i + 1), scores[i]) for i in range(trained)]


def test_a_score_that_cannot_be_computed_is_an_error():
    with pytest.raises(DataError, match="accuracy cannot be computed on the validation part"):
        run([0.5, float("nan")])


def test_the_average_of_the_last_epochs_is_judged_and_kept():
    best, problem, seen = run([0.1, 0.2, 0.3, 0.9, 0.4, 0.5], average=3)
    assert len(seen) == 6  # of which each was trained from where the last one ended
    assert best == 0.9
    assert problem.epochs == (2 + 3 + 4) / 3

    best, problem, _ = run([0.9, 0.1, 0.2], average=3)
    assert (best, problem.epochs) == (0.9, 1)


def test_means_are_of_weights_and_running_statistics():
    layer = nn.BatchNorm1d(2)
    states = []
    for scale in (1.0, 3.0):
        layer(scale * torch.tensor([[1.0, 2.0], [3.0, 6.0]]))
        states.append({name: value.clone() for name, value in layer.state_dict().items()})
    mean = mean_state(states)
    assert mean["num_batches_tracked"] == 2
    expected = (states[0]["running_var"] + states[1]["running_var"]) / 2
    assert torch.equal(mean["running_var"], expected)
    layer.load_state_dict(mean)
