"""The whole of adapting a model as a scikit-learn estimator: SMILES in, calibrated predictions out."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self, cast

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from molweight.encoders.checkpoints import DEFAULT
from molweight.encoders.compute import choose_compute
from molweight.objectives import DEFAULT_GRAPH_OBJECTIVES, find_objectives
from molweight.reports.progress import silence
from molweight.screening.adapt import AdaptConfig, adapt
from molweight.screening.conformal import CrossIntervals, CrossSets
from molweight.screening.estimator_folder import FittedState, read_fitted, write_fitted
from molweight.screening.estimator_report import mean_weights, report
from molweight.screening.estimator_score import score
from molweight.screening.model import COVERAGE, Model
from molweight.screening.only_for import only_for
from molweight.screening.predict import check_coverage
from molweight.screening.trials import Trials
from molweight.screening.user_arrays import Labels, featurized, read_labels, read_texts, training_set

AT_A_TIME = 2_000  # molecules whose graphs are in memory
Floats = NDArray[np.float64]


class PropertyModel(BaseEstimator):
    """Predicts properties of molecules: adapts a pretrained encoder to the labels it is given.

    `fit` tries each method on a split of the molecules, takes the one that validates best, and fits a
    calibrated ensemble of it on all of them (see `molweight.screening.adapt`). Molecules are SMILES or
    RDKit molecules, in a sequence, an array, a Series or a table of one column. Labels are [n], or
    [n, tasks] with NaN for the missing ones; a molecule without any is not learnt from.

    In cross-validation, `task="classification"` makes scikit-learn stratify its folds; with "auto" it
    cannot know before the model is fitted, and does not.

    Args:
        task: classification (of two classes), regression, or auto, which takes labels for classes if they
            are texts, booleans, or exactly 0 and 1.
        methods: comma-separated names of those to try.
        budget: smoke, quick, standard or full: steps and seeds of each method.
        objectives: comma-separated; of continued pretraining.
        checkpoint: encoder to start from: `molweight_gin`, a DGL-LifeSci GIN by name, or a path.
        coverage: of intervals and sets, where `predict_interval` or `predict_set` is given none.
        random_state: of all random choices, as scikit-learn has it.
        device: auto, cpu or cuda.
        precision: auto, float32 or bfloat16.
        n_jobs: processes that fit side by side, as scikit-learn has it: None for 1, -1 for one on each core.
        verbose: show progress on standard error.

    Attributes:
        model_: the fitted `molweight.screening.model.Model`.
        task_: classification or regression.
        classes_: the two labels, sorted; for several tasks a list of such pairs. Of classification only.
        n_outputs_: number of tasks.
        n_features_in_: 1, the column of molecules.
        objective_weights_: shares of the objectives in the chosen method, a mean over its seeds; None where
            it has none.
        report_: what was tried, chosen and found, as JSON values.
    """

    def __init__(
        self,
        task: str = "auto",
        methods: str = AdaptConfig.methods,
        budget: str = "standard",
        objectives: str = ",".join(DEFAULT_GRAPH_OBJECTIVES),
        checkpoint: str = DEFAULT,
        coverage: float = COVERAGE,
        random_state: Any = 0,
        device: str = "auto",
        precision: str = "auto",
        n_jobs: int | None = None,
        verbose: bool = False,
    ) -> None:
        self.task = task
        self.methods = methods
        self.budget = budget
        self.objectives = objectives
        self.checkpoint = checkpoint
        self.coverage = coverage
        self.random_state = random_state
        self.device = device
        self.precision = precision
        self.n_jobs = n_jobs
        self.verbose = verbose

    def __sklearn_tags__(self) -> Any:
        """A classifier or a regressor once that is known; its input is one column of texts."""
        from sklearn.utils import ClassifierTags, RegressorTags

        tags = super().__sklearn_tags__()
        kind = getattr(self, "task_", self.task)
        if kind == "classification":
            tags.estimator_type, tags.classifier_tags = "classifier", ClassifierTags(multi_class=False)
        elif kind == "regression":
            tags.estimator_type, tags.regressor_tags = "regressor", RegressorTags()
        tags.target_tags.required = tags.target_tags.multi_output = True
        tags.input_tags.string = tags.input_tags.one_d_array = True
        return tags

    def fit(self, X: Any, y: Any, unlabelled: Any = None) -> Self:
        """Try, choose and fit.

        Args:
            X: molecules, [n].
            y: their labels, [n] or [n, tasks].
            unlabelled: more molecules to pretrain on, if any.

        Raises:
            ValueError: if a text is not a molecule, labels and molecules differ in number, labels cannot be
                read or are too few, or a parameter has a value that cannot work.
            CheckpointError: if the checkpoint cannot be had.
        """
        if y is None:
            name = type(self).__name__
            raise ValueError(f"{name} requires y to be passed, but the target y is None")
        labels = read_labels(y, self.task)
        texts = read_texts(X)
        check_consistent_length(texts, labels.values)
        return self.fit_labels(texts, labels, unlabelled)

    def fit_labels(self, texts: list[str], labels: Labels, unlabelled: Any = None) -> Self:
        """`fit` with labels that were read before: classes of a task may then be ones it has no label of.

        Args:
            texts: SMILES, [n].
            labels: of them.
            unlabelled: as of `fit`.

        Raises:
            ValueError: as `fit`.
            CheckpointError: if the checkpoint cannot be had.
        """
        config = self._config()
        more = [] if unlabelled is None else read_texts(unlabelled, "unlabelled")
        if more:
            featurized(more, "unlabelled")  # or what is no molecule would go unnoticed
        training = training_set(texts, labels)
        with silence(not self.verbose), TemporaryDirectory(prefix="molweight-") as folder:
            kept = Trials(Path(folder) / "trials")
            kept.begin({}, resume=False, overwrite=False)
            adapted = adapt(training, config, kept, more)
        said = report(adapted, config.seed, len(texts) - len(training.rows))
        return self._take(
            FittedState(adapted.model, training.data.labels, labels.classes, mean_weights(adapted), said)
        )

    def predict(self, X: Any) -> NDArray[Any]:
        """Values, or the more probable class of each molecule.

        Returns:
            [n], or [n, tasks] where there are several.

        Raises:
            ValueError: if a text is not a molecule.
        """
        values = self._members(X).mean(0)
        if self.task_ == "regression":
            return _squeezed(values)
        columns = [
            classes[(p > 0.5).astype(np.int64)] for classes, p in zip(self._classes, values.T, strict=True)
        ]
        if len(columns) == 1:
            return columns[0]
        alike = len({column.dtype for column in columns}) == 1
        return np.stack(columns if alike else [c.astype(object) for c in columns], axis=1)

    @only_for("classification")
    def predict_proba(self, X: Any) -> Floats | list[Floats]:
        """Calibrated probabilities, columns as `classes_`.

        Returns:
            [n, 2]; for several tasks a list of such arrays.

        Raises:
            ValueError: if a text is not a molecule.
        """
        positive = self._members(X).mean(0)
        each = [np.stack([1 - p, p], axis=1) for p in positive.T]
        return each[0] if len(each) == 1 else each

    @only_for("classification")
    def predict_set(
        self, X: Any, coverage: float | None = None
    ) -> NDArray[np.bool_] | list[NDArray[np.bool_]]:
        """Which classes a molecule may be of, so that each class's molecules are covered at this rate.

        Args:
            X: molecules.
            coverage: share of molecules whose set is to hold the truth; `self.coverage` by default.

        Returns:
            bool [n, 2], columns as `classes_`; for several tasks a list of such arrays.

        Raises:
            ValueError: if a text is not a molecule, or the coverage is not from 0.5 to below 1.
        """
        share = self._checked_coverage(coverage)
        sets = cast(CrossSets, self._model().conformal).sets(self._members(X), share)  # [n, tasks, 2]
        each = [sets[:, task] for task in range(sets.shape[1])]
        return each[0] if len(each) == 1 else each

    @only_for("regression")
    def predict_interval(self, X: Any, coverage: float | None = None) -> tuple[Floats, Floats]:
        """Conformal intervals.

        Args:
            X: molecules.
            coverage: share of molecules whose interval is to hold the truth; `self.coverage` by default.

        Returns:
            Lower and upper ends, each [n] or [n, tasks]; infinite where there are too few labels for the
            coverage.

        Raises:
            ValueError: if a text is not a molecule, or the coverage is not from 0.5 to below 1.
        """
        share = self._checked_coverage(coverage)
        intervals = cast(CrossIntervals, self._model().conformal)
        lower, upper = intervals.intervals(self._members(X), share)
        return _squeezed(lower), _squeezed(upper)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """R² of values, accuracy of classes, over the labels that are there; a mean over tasks."""
        predicted = self.predict(X)
        return score(self.task_, predicted, y, sample_weight)

    def save(self, folder: str | Path) -> None:
        """Write the fitted model into a new folder, complete or not at all; nothing in it is a pickle.

        Raises:
            ConfigError: if the folder exists and is not empty.
            sklearn.exceptions.NotFittedError: if there is nothing to save.
        """
        model = self._model()
        state = FittedState(model, self._labels, self._classes, self.objective_weights_, self.report_)
        write_fitted(state, self.get_params(), Path(folder))

    @classmethod
    def load(cls, folder: str | Path, device: str = "auto", precision: str = "auto") -> Self:
        """A model that `save` wrote.

        Raises:
            CheckpointError: if there is none, or it was changed.
        """
        state, parameters = read_fitted(Path(folder), choose_compute(device, precision))
        known = {name: parameters[name] for name in cls().get_params() if name in parameters}
        return cls(**known | {"device": device, "precision": precision})._take(state)

    def _config(self) -> AdaptConfig:
        check_coverage(self.coverage)
        whole = isinstance(self.random_state, int | np.integer)
        seed = self.random_state if whole else check_random_state(self.random_state).randint(2**31 - 1)
        return AdaptConfig(
            self.methods,
            self.budget,
            find_objectives(self.objectives),
            int(seed),
            self.checkpoint,
            choose_compute(self.device, self.precision),
            1 if self.n_jobs is None else self.n_jobs,
        )

    def _take(self, state: FittedState) -> Self:
        self.model_, self.task_ = state.model, state.model.about.kind
        self._labels, self._classes = state.labels, state.classes
        if hasattr(self, "classes_"):
            del self.classes_
        if state.classes:
            self.classes_: Any = state.classes[0] if len(state.classes) == 1 else list(state.classes)
        self.n_outputs_, self.n_features_in_ = state.labels.shape[1], 1
        self.objective_weights_, self.report_ = state.weights, state.report
        return self

    def _model(self) -> Model:
        check_is_fitted(self)
        return self.model_

    def _members(self, X: Any) -> Floats:
        """Values or probabilities by each member: [members, molecules, tasks]."""
        model, texts = self._model(), read_texts(X)
        parts = []
        for start in range(0, len(texts), AT_A_TIME):
            part = texts[start : start + AT_A_TIME]
            parts.append(model.member_values(part, featurized(part, first_row=start)))
        return np.concatenate(parts, axis=1)

    def _checked_coverage(self, asked: float | None) -> float:
        coverage = self.coverage if asked is None else asked
        check_coverage(coverage)
        return coverage


def _squeezed(values: Floats) -> Floats:
    return values[:, 0] if values.shape[1] == 1 else values
