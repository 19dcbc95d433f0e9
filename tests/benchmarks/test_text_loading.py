import json
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from molweight.benchmarks.text_data_sets import TEXT_DATA_SETS
from molweight.benchmarks.text_loading import draw_train, load_text_data_set, stratified_draw
from molweight.errors import ConfigError, DataError
from molweight.molecules.splits import Split
from molweight.text.metrics import TEXT_METRICS

SIZES = {  # texts in train, validation and test; classes; texts of test that are in the others too
    "chemprot": (4169, 2427, 3469, 13, 4),
    "acl-arc": (1688, 114, 139, 6, 54),
    "sciie": (3219, 455, 974, 7, 0),
    "sci-cite": (7320, 916, 1861, 3, 0),
    "csabstruct": (11333, 2026, 1349, 5, 214),
    "nicta-piboso": (6979, 801, 1991, 6, 9),
    "agnews": (4500, 499, 7600, 4, 0),
    "imdb": (22500, 2500, 25000, 2, 123),
    "sst2": (60614, 6735, 872, 2, 0),
    "cola": (7696, 855, 1043, 2, 16),
    "mrpc": (3669, 407, 1725, 2, 0),
    "rte": (2241, 249, 277, 2, 0),
    "stsb": (5749, 1500, 1379, 0, 10),
}
PAIRS = {"mrpc", "rte", "stsb"}


def test_every_set_has_a_metric_of_its_kind():
    assert set(TEXT_DATA_SETS) == {*SIZES, "rct"}
    for entry in TEXT_DATA_SETS.values():
        assert TEXT_METRICS[entry.metric].kind == entry.kind


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow) if n == "imdb" else n for n in SIZES]
)
def test_real_files_load(name, data_folder):
    train, valid, test, classes, shared = SIZES[name]
    loaded = load_text_data_set(name, data_folder)
    assert loaded.split.sizes == {"train": train, "valid": valid, "test": test}
    assert len(loaded.data) == len(loaded.data.labels) == train + valid + test
    assert len(loaded.data.classes) == classes
    assert (loaded.data.pairs is not None) == (name in PAIRS)
    assert f"train or validation has too: {shared} of {test}" in loaded.note
    entry = TEXT_DATA_SETS[name]
    sources = [source for source in (entry.train, entry.valid, entry.test) if source]
    assert loaded.sha256 == tuple(source.sha256 for source in sources)


def test_known_rows(data_folder):
    news = load_text_data_set("agnews", data_folder)
    first = news.split.test[0]
    assert news.data.texts[first].startswith("Fears for T N pension after talks Unions representing")
    assert news.data.classes[int(news.data.labels[first])] == "Business"
    assert "set aside (1)" in news.note
    similar = load_text_data_set("stsb", data_folder).data
    assert (similar.texts[1], similar.pairs[1]) == (
        "A man is playing a large flute.",
        "A man is playing a flute.",
    )
    assert similar.labels[1] == np.float32(3.8)


def write(folder, part: str, rows) -> None:
    folder.mkdir(exist_ok=True)
    lines = [json.dumps({"text": text, "label": label}) for text, label in rows]
    (folder / f"sci_cite_{part}.jsonl").write_text("\n".join(lines))


@pytest.fixture
def citations(tmp_path):
    """A data folder with SciCite's layout and seven rows."""
    folder = tmp_path / "data" / "text"
    folder.mkdir(parents=True)
    write(folder, "train", [("a", "method"), ("b", "background"), ("c", "method")])
    write(folder, "dev", [("d", "method"), ("e", "background")])
    write(folder, "test", [("a ", "method"), ("f", "background")])
    return folder.parent


def test_parts_stand_one_after_the_other_and_classes_are_sorted(citations):
    loaded = load_text_data_set("sci-cite", citations)
    assert loaded.data.texts == tuple("abcdeaf")
    assert loaded.data.classes == ("background", "method")
    assert loaded.data.labels.tolist() == [1, 0, 1, 1, 0, 1, 0]
    assert [part.tolist() for part in (loaded.split.train, loaded.split.valid, loaded.split.test)] == [
        [0, 1, 2],
        [3, 4],
        [5, 6],
    ]
    assert "has too: 1 of 2" in loaded.note


def test_a_label_that_train_lacks_is_named_with_its_file_and_line(citations):
    write(citations / "text", "test", [("f", "method"), ("g", "weather")])
    with pytest.raises(DataError, match=r"sci_cite_test.*line 2.*'weather'.*background, method"):
        load_text_data_set("sci-cite", citations)


def test_one_class_only_is_refused(citations):
    write(citations / "text", "train", [("f", "method"), ("g", "method")])
    with pytest.raises(DataError, match=r"sci_cite_train.*every label is 'method'"):
        load_text_data_set("sci-cite", citations)


@pytest.mark.parametrize("value", ["high", "nan", "inf"])
def test_a_value_that_is_no_number_is_refused(tmp_path, value):
    (tmp_path / "text").mkdir()
    for part in ("train", "dev", "test"):
        row = "genre\tfile\tyear\tid\t{}\ta\tb\n"
        (tmp_path / "text" / f"stsb_{part}.tsv").write_text(row.format("1.5") + row.format(value))
    with pytest.raises(DataError, match=rf"stsb_train.*line 2.*'{value}'.*not a number"):
        load_text_data_set("stsb", tmp_path)


def test_unknown_names_suggest_the_nearest():
    with pytest.raises(ConfigError, match="did you mean chemprot"):
        load_text_data_set("chemprt")
    with pytest.raises(ConfigError, match="there are chemprot, acl-arc"):
        load_text_data_set("zzz")


def test_a_set_without_a_copy_is_one_error(tmp_path, monkeypatch):
    def unreachable(*_, **__):
        raise OSError("no route")

    monkeypatch.setattr("urllib.request.urlopen", unreachable)
    monkeypatch.delenv("MOLWEIGHT_DATA", raising=False)
    with pytest.raises(DataError, match=r"rct_train.txt.gz: not found.*pubmed-rct.*no route.*by hand"):
        load_text_data_set("rct", tmp_path)
    with pytest.raises(DataError, match=r"imdb_train.csv.gz: not found.*make it from.*train/pos"):
        load_text_data_set("imdb", tmp_path)


LABELS = np.repeat([0, 1, 2], [70, 27, 3]).astype(np.float32)
SPLIT = Split(np.arange(100), np.arange(100, 200), np.arange(200, 300))
THRICE = np.tile(LABELS, 3)


def test_a_smaller_train_part_keeps_the_shares_and_every_class():
    drawn = draw_train(SPLIT, THRICE, 20, 0)
    assert np.bincount(THRICE[drawn.train].astype(int)).tolist() == [14, 5, 1]
    assert len(drawn.valid) == 20
    assert np.array_equal(drawn.test, SPLIT.test)


def test_each_seed_draws_others_and_the_same_seed_the_same():
    first, again, other = (draw_train(SPLIT, THRICE, 20, seed) for seed in (0, 0, 1))
    assert np.array_equal(first.train, again.train)
    assert first.digest != other.digest


def test_validation_is_never_larger_than_train_and_else_as_published():
    small_valid = Split(SPLIT.train, SPLIT.valid[:40], SPLIT.test)
    assert np.array_equal(draw_train(small_valid, THRICE, 50, 0).valid, small_valid.valid)
    whole = draw_train(SPLIT, THRICE, 100, 0)
    assert np.array_equal(whole.train, SPLIT.train)
    assert np.array_equal(whole.valid, SPLIT.valid)


def test_values_are_drawn_without_strata():
    values = np.linspace(0, 1, 300, dtype=np.float32)
    drawn = draw_train(SPLIT, values, 10, 0, "regression")
    assert len(np.unique(drawn.train)) == 10
    assert set(drawn.train) <= set(SPLIT.train)


@pytest.mark.parametrize(("count", "expected"), [(0, "from 1 to 100"), (101, "1 to 100"), (2, "3 classes")])
def test_impossible_sizes_are_refused(count, expected):
    with pytest.raises(ConfigError, match=re.escape(f"--train-size {count}") + f".*{expected}"):
        draw_train(SPLIT, THRICE, count, 0)


@given(st.lists(st.integers(1, 30), min_size=1, max_size=6), st.data())
def test_a_draw_has_the_size_asked_for_and_shares_within_one(sizes, data):
    strata = np.repeat(np.arange(len(sizes)), sizes).astype(np.float32)
    count = data.draw(st.integers(len(sizes), sum(sizes)))
    drawn = stratified_draw(strata, np.arange(len(strata)), count, np.random.default_rng(0))
    assert len(np.unique(drawn)) == count
    taken = np.bincount(strata[drawn].astype(int), minlength=len(sizes))
    assert (taken >= 1).all()
    assert (taken <= sizes).all()
    few = np.array(sizes) * count / sum(sizes) < 1
    assert (taken[few] == 1).all() or not few.any()
