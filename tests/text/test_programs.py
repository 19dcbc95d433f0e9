"""text adapt and text predict as a user runs them, and broken on purpose."""

import json
import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from said import said

FILES = {
    "MODEL_CARD.md", "calibration.safetensors", "heads.safetensors", "model.json", "rejected.csv",
    "report.html", "report.json", "split.json", *(f"member-{n}" for n in range(5)),
}  # fmt: skip


@pytest.fixture
def run(run):
    """Call `molweight text` as the shell would."""
    return partial(run, "text")


@pytest.fixture
def labelled(tmp_path) -> Path:
    """Seventy-two sound rows, an empty one, a copy and one of a class of its own."""
    table = said(72)
    extra = pd.DataFrame(
        {
            "id": [900, 901, 902],
            "text": ["", table["text"][0], "no other"],
            "more": "x",
            "y": ["pos", "neg", "odd"],
        }
    )
    path = tmp_path / "said.csv"
    pd.concat([table, extra.assign(v=1.0)]).to_csv(path, index=False)
    return path


@pytest.fixture
def adapt(run, labelled, tiny_text, tmp_path):
    def call(*options: object, target="y", methods="tfidf,finetune", out="model", table=labelled):
        common = ("--budget", "smoke", "--model", tiny_text, "--max-length", 24, "--methods", methods)
        return run("adapt", table, "--target", target, *common, "--out", tmp_path / out, *options)

    return call


def test_a_model_is_chosen_told_and_written(adapt, tmp_path):
    code, out, _ = adapt("--text-column", "text", methods="tfidf,finetune,mlm,equal,tapweight")
    assert code == 0
    folder = tmp_path / "model"
    assert {path.name for path in folder.iterdir()} == FILES
    assert "said.csv: 72 texts, 3 rows set aside" in out
    assert "Empty texts" in out
    report = json.loads((folder / "report.json").read_text())
    assert report["chosen"] == "tfidf"
    assert set(report["methods"]) == {"tfidf", "finetune", "mlm", "equal", "tapweight"}
    assert report["methods"]["tfidf"]["test"] == [1.0]
    assert report["out_of_fold"]["accuracy"] > 0.8
    assert report["coverage"]["held_out"] > 0.8
    assert sum(report["objective_weights"]["tapweight, seed 0"].values()) == pytest.approx(1)
    assert sum(report["sizes"].values()) == report["texts"] == 72
    rejected = pd.read_csv(folder / "rejected.csv")
    assert rejected["row"].tolist() == [72, 73, 74]
    card, page = ((folder / name).read_text() for name in ("MODEL_CARD.md", "report.html"))
    for told in (card, page):
        assert "linear model of words" in told
        assert "held-out texts" in told
    assert "while learning" in page
    assert not (tmp_path / "model.unfinished").exists()


def test_predictions_keep_rows_and_order_in_every_format(adapt, run, tmp_path):
    assert adapt("--text-column", "text")[0] == 0
    new = said(1203, seed=1)
    new.loc[7, "text"] = ""
    new.to_csv(tmp_path / "new.csv", index=False)
    found = {}
    for name in ("a.csv", "a.tsv", "a.jsonl", "a.parquet", "a.csv.gz"):
        code, _, told = run("predict", tmp_path / "model", tmp_path / "new.csv", "--out", tmp_path / name)
        assert code == 0
        assert "1203 rows, of which 1 could not be predicted" in told
        found[name] = read(tmp_path / name)
    table = found["a.csv"]
    assert table["id"].astype(int).tolist() == list(range(1203))
    assert table["problem"][7] == "the text is empty"
    assert pd.isna(table["probability_y"][7])
    kept = table.drop(index=7)
    assert (kept["prediction_y"] == kept["y"]).mean() > 0.8
    shares = kept[[f"probability_y_{name}" for name in ("bio", "neg", "pos")]].astype(float)
    assert np.allclose(shares.sum(axis=1), 1, atol=1e-4)
    inside = [
        label in sets.split("|") for label, sets in zip(kept["y"], kept["set_y"].fillna(""), strict=True)
    ]
    assert np.mean(inside) > 0.85
    for name, other in found.items():
        assert other["prediction_y"].fillna("").tolist() == table["prediction_y"].fillna("").tolist(), name


def read(path: Path) -> pd.DataFrame:
    if ".jsonl" in path.name:
        return pd.read_json(path, lines=True)
    if path.suffix == ".parquet":
        return pd.read_parquet(path)
    return pd.read_csv(path, sep="\t" if path.suffix == ".tsv" else ",")


def test_values_of_pairs_with_networks(adapt, run, tmp_path):
    code, out, _ = adapt(
        "--text-column", "text", "--pair-column", "more", target="v", methods="equal", out="values"
    )
    assert code == 0
    assert "regression (guessed" in out
    new = said(30, seed=2)
    new.loc[3, "more"] = " "
    new.to_json(tmp_path / "new.jsonl", orient="records", lines=True)
    code, _, _ = run("predict", tmp_path / "values", tmp_path / "new.jsonl", "--out", tmp_path / "out.csv")
    assert code == 0
    table = pd.read_csv(tmp_path / "out.csv")
    assert table["problem"][3] == "the second text is empty"
    kept = table.drop(index=3)
    assert ((kept["lower_v"] < kept["prediction_v"]) & (kept["prediction_v"] < kept["upper_v"])).all()
    covered = (kept["lower_v"] <= kept["v"]) & (kept["v"] <= kept["upper_v"])
    assert covered.mean() > 0.7


def test_unlabelled_texts_are_pretrained_on(adapt, tmp_path):
    more = tmp_path / "more.txt"
    more.write_text("\n".join(said(40, seed=3)["text"]) + "\n\u200b\n")
    code, _, _ = adapt("--text-column", "text", "--unlabelled", more, methods="equal")
    assert code == 0
    assert json.loads((tmp_path / "model" / "report.json").read_text())["unlabelled"] == 41


def test_an_interrupted_run_goes_on_to_the_same_model(adapt, tmp_path, monkeypatch):
    from molweight.text import adapt as program

    options = ("--text-column", "text")
    assert adapt(*options, methods="mlm,tapweight", out="whole")[0] == 0
    attempt = program.try_method

    def interrupted(name, method, job):
        if name == "tapweight":
            raise KeyboardInterrupt
        return attempt(name, method, job)

    monkeypatch.setattr(program, "try_method", interrupted)
    assert adapt(*options, methods="mlm,tapweight")[0] == 130
    assert not (tmp_path / "model").exists()
    monkeypatch.setattr(program, "try_method", attempt)
    code, _, told = adapt(*options, methods="mlm,tapweight")
    assert code == 2
    assert "--resume" in told
    assert adapt(*options, "--resume", methods="mlm,tapweight")[0] == 0
    whole, resumed = (json.loads((tmp_path / n / "model.json").read_text()) for n in ("whole", "model"))
    assert whole["sha256"] == resumed["sha256"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--methods", "tfidf,magic"), "unknown method 'magic'"),
        (("--budget", "huge"), "unknown budget"),
        (("--metric", "speed"), "unknown metric"),
        (("--metric", "rmse"), "not one of classification"),
        (("--target", "z"), "no column 'z'"),
        (("--text-column", "z"), "no column 'z'"),
        (("--pair-column", "z"), "no column 'z'"),
        (("--kind", "regression"), "is no number"),
        (("--max-length", "2000"), "a maximum of 2000 tokens"),
        (("--seed", "-1"), "must not be negative"),
        (("--objectives", "magic"), "magic"),
    ],
)
def test_impossible_options_are_one_line(adapt, tmp_path, options, expected):
    code, _, told = adapt(*options)
    assert code == 2
    assert expected in told
    assert "Traceback" not in told
    assert not (tmp_path / "model").exists()


def without_mask(folder: Path) -> None:
    from transformers import AutoTokenizer

    tokeniser = AutoTokenizer.from_pretrained(folder)
    tokeniser.mask_token = None
    tokeniser.save_pretrained(folder)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            lambda folder: (folder / "model.safetensors").rename(folder / "pytorch_model.bin"),
            "pickled ones only",
        ),
        (without_mask, "no mask token"),
    ],
)
def test_encoders_that_cannot_be_used_are_one_line(run, labelled, tiny_text, tmp_path, change, expected):
    shutil.copytree(tiny_text, tmp_path / "encoder")
    change(tmp_path / "encoder")
    options = ("--model", tmp_path / "encoder", "--out", tmp_path / "model", "--text-column", "text")
    code, _, told = run("adapt", labelled, "--target", "y", *options)
    assert code == 2
    assert expected in told
    assert len([line for line in told.splitlines() if line.strip()]) == 1


def test_predicting_wrongly_is_one_line(adapt, run, labelled, tmp_path):
    assert adapt("--text-column", "text", methods="tfidf")[0] == 0
    model, new = tmp_path / "model", tmp_path / "new.csv"
    said(5).drop(columns="text").to_csv(new, index=False)
    taken = tmp_path / "taken.csv"
    said(5).assign(prediction_y=1).to_csv(taken, index=False)
    for arguments, expected in [
        ((tmp_path / "nothing", labelled, "--out", tmp_path / "o.csv"), "no model"),
        ((model, tmp_path / "none.csv", "--out", tmp_path / "o.csv"), "no such file"),
        ((model, taken, "--out", tmp_path / "o.csv"), "has a column 'prediction_y' already"),
        ((model, labelled, "--out", tmp_path / "o.sdf"), "unknown kind of file"),
        ((model, labelled, "--out", labelled), "exists; give --overwrite"),
        ((model, labelled, "--out", tmp_path / "o.csv", "--coverage", "1"), "--coverage must be"),
        ((model, labelled, "--out", tmp_path / "o.csv", "--pair-column", "more"), "one of single texts"),
        ((model, labelled, "--out", tmp_path / "o.csv", "--text-column", "tex"), "did you mean 'text'"),
    ]:
        code, _, told = run("predict", *arguments)
        assert code == 2, arguments
        assert expected in told
        assert not list(tmp_path.glob("o.*"))
    (model / "heads.safetensors").write_bytes(b"")
    code, _, told = run("predict", model, labelled, "--out", tmp_path / "o.csv")
    assert code == 2
    assert "was changed since the model was written" in told


@pytest.mark.slow
def test_a_slice_of_chemprot(run, tiny_text, data_folder, tmp_path):
    from molweight.benchmarks.text_loading import load_text_data_set

    loaded = load_text_data_set("chemprot", data_folder)
    rows = np.random.default_rng(0).permutation(loaded.split.train)[:500]
    names = [loaded.data.classes[int(label)] for label in loaded.data.labels[rows]]
    table = pd.DataFrame({"sentence": loaded.data.take(rows).texts, "relation": names})
    table[:400].to_csv(tmp_path / "train.tsv", index=False, sep="\t")
    table[400:].to_parquet(tmp_path / "new.parquet", index=False)
    options = ("--budget", "smoke", "--model", tiny_text, "--max-length", 64, "--metric", "accuracy")
    out = ("--methods", "tfidf,finetune", "--out", tmp_path / "model")
    code, told, _ = run("adapt", tmp_path / "train.tsv", "--target", "relation", *options, *out)
    assert code == 0
    assert "'sentence' was taken for the text" in told
    code, _, _ = run("predict", tmp_path / "model", tmp_path / "new.parquet", "--out", tmp_path / "out.jsonl")
    assert code == 0
    found = pd.read_json(tmp_path / "out.jsonl", lines=True)
    assert found["relation"].tolist() == names[400:]
    commonest = table[:400]["relation"].mode()[0]
    assert (found["prediction_relation"] == found["relation"]).mean() > (
        table[400:]["relation"] == commonest
    ).mean()
