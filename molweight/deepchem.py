"""Featuriser and model for scripts in DeepChem's manner: featurise, split, fit, evaluate.

DeepChem is no dependency; this file is the only one that imports it, when it is imported itself.
"""

import logging
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from deepchem.feat import MolecularFeaturizer
from deepchem.models import Model
from numpy.typing import NDArray
from rdkit import Chem
from rdkit.rdBase import BlockLogs

from molweight.errors import CheckpointError, ConfigError, DataError
from molweight.molecules.smiles import parse_smiles
from molweight.screening.estimator import PropertyModel
from molweight.screening.user_arrays import Labels, read_texts, task_names
from molweight.tasks.data import TaskKind

logger = logging.getLogger(__name__)
FOLDER = "property_model"  # in a model's folder


class MolweightFeaturizer(MolecularFeaturizer):
    """Molecules as `MolweightModel` takes them: canonical SMILES that are known to be molecules.

    The graphs are made when the model learns or predicts, which takes less time than to store them.
    """

    def featurize(self, datapoints: Any, log_every_n: int = 1_000, **kwargs: Any) -> NDArray[np.object_]:
        """SMILES of SMILES or RDKit molecules.

        Returns:
            An object array [molecules]; an empty array for what is no molecule, which is logged. DeepChem's
            loaders leave such rows out.
        """
        with BlockLogs():
            found = super().featurize(datapoints, log_every_n, **kwargs)
        features = np.empty(len(found), object)
        for row, text in enumerate(found):
            features[row] = str(text) if isinstance(text, str) else np.array([])
        return features

    def _featurize(self, datapoint: Chem.Mol, **kwargs: Any) -> str:
        text = str(Chem.MolToSmiles(datapoint))
        for rejected in parse_smiles([text]).rejected:
            raise DataError(rejected.reason)
        return text


class MolweightModel(Model):
    """`molweight.PropertyModel` as a DeepChem model.

    A label whose weight is 0 is missing, as DeepChem means it. All other labels count alike, whatever
    their weights (a warning in the log says so): forests balance classes themselves, and calibration asks
    for the molecules as they come. Early stopping and the choice of a method use parts of the data set
    that is fitted, and never another one.

    Args:
        n_tasks: number of label columns.
        mode: classification (labels 0 and 1) or regression.
        model_dir: folder where `save` writes; a temporary one by default.
        **options: of `PropertyModel`, such as `methods` and `budget`.

    Attributes:
        model: the `PropertyModel`, with its intervals, sets, weights and report once it is fitted.
    """

    def __init__(
        self, n_tasks: int, mode: TaskKind = "regression", model_dir: str | None = None, **options: Any
    ) -> None:
        if mode not in ("classification", "regression"):
            raise ConfigError(f"mode must be classification or regression, got {mode!r}")
        super().__init__(model_dir=model_dir)
        self.model = PropertyModel(task=mode, **options)
        self.n_tasks, self.mode = n_tasks, mode

    def fit(self, dataset: Any, unlabelled: Any = None) -> float:
        """Learn from a data set that `MolweightFeaturizer` or any other source of SMILES featurised.

        Args:
            dataset: of DeepChem; its X are SMILES.
            unlabelled: more SMILES to pretrain on.

        Returns:
            The validation score of the chosen method, a mean over its seeds.

        Raises:
            ValueError: if X are no molecules, labels do not fit, or there are too few.
        """
        texts, labels = _texts(dataset.X), self._labels(dataset)
        self.model.fit_labels(texts, labels, unlabelled)
        report = self.model.report_
        return float(np.mean([t["valid"] for t in report["trials"] if t["method"] == report["method"]]))

    def predict_on_batch(self, X: Any) -> NDArray[np.float64]:
        """Values [molecules, tasks], or probabilities [molecules, tasks, 2], as DeepChem's metrics take them.

        Raises:
            ValueError: if a text is not a molecule.
        """
        texts = _texts(X)
        if self.mode == "regression":
            return self.model.predict(texts).reshape(len(texts), self.n_tasks)
        found = self.model.predict_proba(texts)
        return np.stack(found if isinstance(found, list) else [found], axis=1)

    def save(self) -> None:
        """Write the model into `model_dir`, in place of one that was there."""
        folder = Path(self.model_dir) / FOLDER
        fresh = folder.with_name(f"{FOLDER}.new")
        shutil.rmtree(fresh, ignore_errors=True)  # of a save that was interrupted
        self.model.save(fresh)
        shutil.rmtree(folder, ignore_errors=True)
        fresh.rename(folder)

    def reload(self) -> None:
        """Take the model that `save` wrote to `model_dir`.

        Raises:
            CheckpointError: if there is none, or it is of other tasks.
        """
        folder = Path(self.model_dir) / FOLDER
        found = PropertyModel.load(folder, self.model.device, self.model.precision)
        if (found.task_, found.n_outputs_) != (self.mode, self.n_tasks):
            raise CheckpointError(
                f"{folder}: {found.task_} of {found.n_outputs_} tasks, not {self.mode} of {self.n_tasks}"
            )
        self.model = found

    def get_task_type(self) -> str:
        """Classification or regression."""
        return self.mode

    def get_num_tasks(self) -> int:
        """Number of label columns."""
        return self.n_tasks

    def _labels(self, dataset: Any) -> Labels:
        y = np.asarray(dataset.y, np.float32).reshape(len(dataset), -1)
        w = np.broadcast_to(np.asarray(dataset.w).reshape(len(dataset), -1), y.shape)
        if y.shape[1] != self.n_tasks:
            raise DataError(f"the data set has {y.shape[1]} tasks, the model {self.n_tasks}")
        if not np.isin(w, (0, 1)).all():
            logger.warning("Weights other than 0, a missing label, are not used: all labels count alike.")
        values = np.where(w == 0, np.nan, y).astype(np.float32)
        if np.isinf(values).any() or np.isnan(values).all():
            raise DataError("labels must be finite, and not all of them missing")
        if self.mode == "classification" and not np.isin(values[~np.isnan(values)], (0, 1)).all():
            raise DataError(
                "classification needs labels 0 and 1; a regression transformer may have changed them"
            )
        classes = (np.array([0, 1]),) * (self.n_tasks if self.mode == "classification" else 0)
        return Labels(values, self.mode, task_names(dataset.get_task_names(), self.n_tasks), classes)


def _texts(X: Any) -> list[str]:
    try:
        return read_texts(X)
    except DataError as error:
        raise DataError(f"{error}; featurise with molweight.deepchem.MolweightFeaturizer") from None
