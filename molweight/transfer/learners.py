"""The networks that a run can train, each with a trunk that all tasks share and one head for each of them."""

from collections.abc import Callable, Sequence

from molweight.transfer.designs import LearnerKind, TransferConfig
from molweight.transfer.gin_network import tune_in_stages
from molweight.transfer.network import Labels, Positions, Stage, train_in_stages
from molweight.transfer.setting import Setting

Learner = Callable[[Setting, Sequence[Stage], Positions], list[Labels]]


def learn_in_stages(setting: Setting, stages: Sequence[Stage], test: Positions) -> list[Labels]:
    """Train the network of the setting on one stage after another, and predict after each.

    Args:
        setting: of the run.
        stages: of the same tasks.
        test: molecules to predict, int64 [test].

    Returns:
        For each stage scores that rank, or values in units of the labels: [test, tasks].

    Raises:
        CheckpointError: if there is no checkpoint of the encoder.
        FloatingPointError: if the loss is not finite.
    """
    return LEARNERS[setting.config.learner](setting, stages, test)


def full_steps(config: TransferConfig) -> int:
    """Steps of a network that is trained in full."""
    return config.gin.steps if config.learner == "gin" else config.network.steps


def _mlp(setting: Setting, stages: Sequence[Stage], test: Positions) -> list[Labels]:
    values, config = setting.features.values, setting.config
    return train_in_stages(values, stages, values[test], setting.data.kind, config.network, config.seed)


def _gin(setting: Setting, stages: Sequence[Stage], test: Positions) -> list[Labels]:
    data, config = setting.data, setting.config
    return tune_in_stages(data.smiles, stages, test, data.kind, config.gin, config.seed)


LEARNERS: dict[LearnerKind, Learner] = {"mlp": _mlp, "gin": _gin}
