import json
from dataclasses import asdict

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from molweight.errors import CheckpointError
from molweight.molecules.store import store_from_smiles
from molweight.paths import cache_folder
from molweight.screening.members import FOLDS
from molweight.screening.model_folder import CALIBRATION, MEMBERS, TRAINING, read_model, write_model
from molweight.screening.model_index import INDEX, file_sha256
from molweight.tasks.consensus import Consensus

from .conftest import CPU, make_model

NEW = ["OCCc1ccccc1", "CCBr", "NCCCCCCN", "C"]


@pytest.fixture
def folder(model, labelled, tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    write_model(model, labelled.labels, folder)
    return folder


def test_a_model_comes_back_and_predicts_the_same_to_the_last_bit(model, folder):
    again, store = read_model(folder, CPU), store_from_smiles(NEW)
    assert (again.about, again.smiles) == (model.about, model.smiles)
    first, second = model.predict(NEW, store), again.predict(NEW, store)
    for name in ("value", "spread", "lower", "upper", "sets"):
        assert np.array_equal(getattr(first, name), getattr(second, name)), name
    assert np.array_equal(first.neighbours.similarity, second.neighbours.similarity)


@pytest.mark.parametrize("read", [("descriptors",), ("fingerprints",), ("descriptors", "fingerprints")])
def test_members_get_of_new_molecules_what_their_heads_read(read, labelled, tmp_path):
    model = make_model(labelled, "network", **dict.fromkeys(read, True))
    write_model(model, labelled.labels, tmp_path)
    again, store = read_model(tmp_path, CPU), store_from_smiles(NEW)
    assert all(asdict(member.problem.inputs)[name] for name in read for member in again.members)
    kept = list((cache_folder() / "descriptors").glob("*"))
    assert len(kept) == ("descriptors" in read)  # of the training molecules
    first, second = model.predict(NEW, store), again.predict(NEW, store)
    assert np.array_equal(first.value, second.value)
    assert not np.array_equal(first.value, make_model(labelled, "network").predict(NEW, store).value)
    assert list((cache_folder() / "descriptors").glob("*")) == kept


@pytest.mark.parametrize("kind", ["forest", "network+forest"])
def test_forests_get_the_descriptors_of_new_molecules_that_they_were_fitted_on(kind, labelled, tmp_path):
    model = make_model(labelled, kind, descriptors=True)
    forests = [member.trees[0] if isinstance(member, Consensus) else member for member in model.members]
    assert all(forest.described for forest in forests)
    write_model(model, labelled.labels, tmp_path)
    again, store = read_model(tmp_path, CPU), store_from_smiles(NEW)
    kept = list((cache_folder() / "descriptors").glob("*"))
    first, second = model.predict(NEW, store), again.predict(NEW, store)
    assert np.array_equal(first.value, second.value)
    assert not np.array_equal(first.value, make_model(labelled, kind).predict(NEW, store).value)
    assert list((cache_folder() / "descriptors").glob("*")) == kept


def test_nothing_in_the_folder_needs_unpickling(folder):
    assert sorted(path.name for path in folder.iterdir()) == sorted((INDEX, MEMBERS, CALIBRATION, TRAINING))
    for path in folder.glob("*.safetensors"):
        header = path.read_bytes()[8:9]
        assert header == b"{"


@pytest.mark.parametrize("name", [MEMBERS, CALIBRATION, TRAINING])
@pytest.mark.parametrize("member_kind", ["forest"], indirect=True)
def test_a_changed_or_missing_file_is_refused(folder, name):
    content = bytearray((folder / name).read_bytes())
    content[-3] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(CheckpointError, match=f"{name}: was changed since the model was written"):
        read_model(folder, CPU)
    (folder / name).unlink()
    with pytest.raises(CheckpointError, match=f"{name}: no such file"):
        read_model(folder, CPU)


@pytest.mark.parametrize("member_kind", ["forest"], indirect=True)
def test_another_version_or_no_model_is_refused(folder, tmp_path):
    index = json.loads((folder / INDEX).read_text())
    (folder / INDEX).write_text(json.dumps(index | {"format": "molweight-model-0"}))
    with pytest.raises(CheckpointError, match="another version"):
        read_model(folder, CPU)
    for broken in ("not json", "[]", json.dumps({"format": index["format"], "sha256": {}})):
        (folder / INDEX).write_text(broken)
        with pytest.raises(CheckpointError, match="not the index of a model"):
            read_model(folder, CPU)
    with pytest.raises(CheckpointError, match="no model"):
        read_model(tmp_path / "elsewhere", CPU)


@pytest.mark.parametrize("member_kind", ["network"], indirect=True)
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("members", ["forest"]),
        ("members", ["network+forest"] * FOLDS),
        ("members", ["network+crystal"] * FOLDS),
        ("about", {"kind": "regression"}),
    ],
)
def test_an_index_that_does_not_fit_its_files_is_refused(folder, key, value):
    index = json.loads((folder / INDEX).read_text())
    (folder / INDEX).write_text(json.dumps(index | {key: value}))
    with pytest.raises(CheckpointError):
        read_model(folder, CPU)


@pytest.mark.parametrize("shape", [(2,), (2, 15), (2, 17)], ids=str)
@pytest.mark.parametrize("member_kind", ["network"], indirect=True)
def test_a_head_of_another_shape_is_refused(folder, shape):
    arrays = load_file(folder / MEMBERS)
    save_file(arrays | {"0.network.head.weight": np.zeros(shape, np.float32)}, folder / MEMBERS)
    index = json.loads((folder / INDEX).read_text())
    index["sha256"][MEMBERS] = file_sha256(folder / MEMBERS)
    (folder / INDEX).write_text(json.dumps(index))
    with pytest.raises(CheckpointError, match="not a readable model"):
        read_model(folder, CPU)
