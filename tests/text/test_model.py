import numpy as np
import pytest
from said import said

from molweight.errors import CheckpointError
from molweight.screening.trials import Trials
from molweight.text.adapt import TextAdaptConfig, adapt_texts, draw_split
from molweight.text.comparison import bootstrap_scores
from molweight.text.data import TextData
from molweight.text.members import TextCrossFitted
from molweight.text.metrics import TEXT_METRICS
from molweight.text.model import held_out_fits, held_out_probabilities
from molweight.text.model_folder import read_text_model, write_text_model
from molweight.text.training_set import TextTrainingSet, load_text_training

NEW = ["the film is good", "this plot was bad and it is awful", "a cell binds", "yes"]


def training(tmp_path, target: str, pair: str | None = None) -> TextTrainingSet:
    said(66).to_csv(tmp_path / "table.csv", index=False)
    return load_text_training(tmp_path / "table.csv", target, "text", pair)


def adapted(tmp_path, checkpoint, compute, target="y", methods="finetune", pair=None, change=None):
    read = training(tmp_path, target, pair)
    if change is not None:
        change(read)
    kept = Trials(tmp_path / "trials")
    kept.begin({}, resume=False, overwrite=True)
    config = TextAdaptConfig(methods, "smoke", max_length=24, compute=compute)
    return adapt_texts(read, config, checkpoint, kept)


@pytest.mark.parametrize(
    ("target", "methods", "pair"),
    [
        ("y", "tfidf", None),
        ("v", "tfidf", "more"),
        ("y", "finetune", "more"),
        ("v", "tapweight", None),
    ],
)
def test_a_model_comes_back_from_its_folder(tmp_path, checkpoint, compute, target, methods, pair):
    model = adapted(tmp_path, checkpoint, compute, target, methods, pair).model
    (tmp_path / "model").mkdir()
    write_text_model(model, tmp_path / "model")
    again = read_text_model(tmp_path / "model", compute)
    assert again.about == model.about
    partners = None if pair is None else NEW[::-1]
    before, after = (m.predict(NEW, partners) for m in (model, again))
    assert np.array_equal(before.value, after.value)
    assert np.array_equal(before.spread, after.spread)
    if target == "y":
        assert np.array_equal(before.sets, after.sets)
        assert before.value.sum(1) == pytest.approx(np.ones(4))
    else:
        assert np.array_equal(before.lower, after.lower)
        assert (before.lower < before.value[:, 0]).all()


def test_a_network_can_be_read_by_transformers(tmp_path, checkpoint, compute):
    from transformers import AutoModel, AutoTokenizer

    model = adapted(tmp_path, checkpoint, compute).model
    (tmp_path / "model").mkdir()
    write_text_model(model, tmp_path / "model")
    folder = str(tmp_path / "model" / "member-3")
    tokens = AutoTokenizer.from_pretrained(folder)("good film", return_tensors="pt")
    hidden = AutoModel.from_pretrained(folder)(**tokens).last_hidden_state
    assert hidden.shape == (1, 4, 32)


def test_labels_of_the_test_part_have_no_influence_on_trials(tmp_path, checkpoint, compute, monkeypatch):
    split = draw_split(training(tmp_path, "y").data, 0)
    monkeypatch.setattr("molweight.text.adapt.draw_split", lambda data, seed: split)

    def change(read):
        read.data.labels[split.test] = (read.data.labels[split.test] + 1) % 3

    first = adapted(tmp_path, checkpoint, compute, methods="tfidf,tapweight")
    second = adapted(tmp_path, checkpoint, compute, methods="tfidf,tapweight", change=change)
    assert not np.array_equal(first.training.data.labels, second.training.data.labels)
    for one, other in zip(first.trials, second.trials, strict=True):
        assert one.valid == other.valid
        assert np.array_equal(one.predicted, other.predicted)


def test_parts_have_an_equal_share_of_every_class(tmp_path):
    data = training(tmp_path, "y").data
    split = draw_split(data, 0)
    rows = np.concatenate([split.train, split.valid, split.test])
    assert sorted(rows) == list(range(66))
    assert split.sizes == {"train": 52, "valid": 7, "test": 7}
    for part, tenths in ((split.train, 8), (split.valid, 1), (split.test, 1)):
        counts = np.bincount(data.labels[part].astype(int), minlength=3)
        assert (np.abs(counts - 22 * tenths / 10) < 2).all()


def fitted(kind: str) -> tuple[TextData, TextCrossFitted]:
    rng = np.random.default_rng(0)
    labels = (rng.integers(0, 3, 40) if kind == "classification" else rng.normal(size=40)).astype(np.float32)
    data = TextData(("x",) * 40, None, labels, ("a", "b", "c") if kind == "classification" else (), kind)
    outputs = rng.normal(size=(40, data.outputs)).astype(np.float32)
    return data, TextCrossFitted((), np.arange(40) % 4, outputs, outputs)


def test_held_out_fits_are_the_formula_for_values():
    data, cross = fitted("regression")
    residuals = np.abs(data.labels.astype(np.float64) - cross.out_of_fold[:, 0])
    for text, found in enumerate(held_out_fits(data, cross)):
        others = residuals[cross.folds != cross.folds[text]]
        assert found == pytest.approx((1 + (others >= residuals[text]).sum()) / (len(others) + 1))


def test_held_out_fits_compare_a_text_with_its_own_class():
    data, cross = fitted("classification")
    probabilities, found = held_out_probabilities(data, cross), held_out_fits(data, cross)
    assert probabilities.sum(1) == pytest.approx(np.ones(40))
    for text in range(40):
        label = int(data.labels[text])
        same = (cross.folds != cross.folds[text]) & (data.labels == label)
        assert found[text] * (same.sum() + 1) == pytest.approx(round(found[text] * (same.sum() + 1)))
        assert 0 < found[text] <= 1


def test_bootstrap_error_of_accuracy_is_the_binomial_one():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 400).astype(np.float32)
    right = rng.random(400) < 0.8
    outputs = np.eye(2, dtype=np.float32)[np.where(right, labels, 1 - labels).astype(int)]
    found = bootstrap_scores(TEXT_METRICS["accuracy"], labels, [outputs])
    share = right.mean()
    assert found.mean() == pytest.approx(share, abs=0.01)
    assert found.std() == pytest.approx(np.sqrt(share * (1 - share) / 400), rel=0.2)


@pytest.fixture
def folder(tmp_path, checkpoint, compute):
    """A written model of networks."""
    model = adapted(tmp_path, checkpoint, compute).model
    (tmp_path / "model").mkdir()
    write_text_model(model, tmp_path / "model")
    return tmp_path / "model"


def test_damage_of_any_kind_is_one_error(folder, compute):
    def refused(expected):
        with pytest.raises(CheckpointError, match=expected):
            read_text_model(folder, compute)

    weights, index = folder / "member-2" / "model.safetensors", folder / "model.json"
    whole, said_ = weights.read_bytes(), index.read_text()
    weights.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    refused("member-2/model.safetensors: was changed")
    weights.unlink()
    refused("member-2/model.safetensors: no such file; the model folder is incomplete")
    weights.write_bytes(whole)
    (folder / "member-0" / "pytorch_model.bin").write_bytes(b"pickle")
    refused("pytorch_model.bin: is not a file of the model")
    (folder / "member-0" / "pytorch_model.bin").unlink()
    index.write_text(said_.replace("molweight-text-model-1", "molweight-text-model-9"))
    refused("a model of another version or kind")
    index.write_text(said_.replace('"max_length"', '"longest"'))
    refused("not a readable model")
    index.write_text("{}")
    refused("not the index of a model")
    index.unlink()
    refused("no model .model.json is missing")
    index.write_text(said_)
    assert read_text_model(folder, compute).about.method == "finetune"
