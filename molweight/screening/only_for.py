"""Methods that an estimator has only for one kind of task, as scikit-learn's scorers expect."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

from sklearn.utils.metaestimators import available_if

from molweight.tasks.data import TaskKind

Function = TypeVar("Function", bound=Callable[..., Any])


def only_for(kind: TaskKind) -> Callable[[Function], Function]:
    """A method that estimators of the other kind do not have; those that do not know theirs yet have both.

    Args:
        kind: by the estimator's `task_` once it is fitted, by its parameter `task` before.
    """

    def fits(estimator: Any) -> bool:
        return getattr(estimator, "task_", estimator.task) in ("auto", kind)

    return cast(Callable[[Function], Function], available_if(fits))
