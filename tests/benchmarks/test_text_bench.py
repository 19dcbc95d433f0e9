"""The benchmark on texts, on a made-up data folder and a BERT of two layers."""

import gzip
import json
import signal
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from killed import KILLED_AT_A_WRITE, program

from molweight.benchmarks.outcomes import Outcomes
from molweight.benchmarks.text_bench import TextBenchConfig, prepare, run_text_bench
from molweight.benchmarks.text_planted import plant_texts, run_text_planted
from molweight.encoders.compute import choose_compute
from molweight.objectives import TEXT_OBJECTIVES
from molweight.text.methods import TEXT_METHODS, TextJob

PARTS = {"train": 36, "dev": 12, "test": 12}
SUBJECTS = ["the film", "this movie", "the book. it", "a story", "the plot", "the actor"]
JUDGEMENTS = {"good": "is good and very great", "bad": "is bad. it is awful", "other": "binds the protein"}
SMOKE = ("--budget", "smoke", "--device", "cpu")


def write_part(path: Path, rows: int) -> None:
    names = list(JUDGEMENTS)
    with gzip.open(path, "wt") as file:
        for number in range(rows):
            label = names[number % 3]
            text = f"{SUBJECTS[number % 6]} {JUDGEMENTS[label]} {number}"
            file.write(json.dumps({"text": text, "label": label}) + "\n")


@pytest.fixture
def text_data(tmp_path: Path) -> Path:
    """A data folder with a small set in the layout of ChemProt."""
    folder = tmp_path / "data" / "text"
    folder.mkdir(parents=True)
    for part, rows in PARTS.items():
        write_part(folder / f"chemprot_{part}.jsonl.gz", rows)
    return folder.parent


@pytest.fixture
def options(text_data: Path, tiny_text: str) -> tuple[object, ...]:
    model = ("--model", tiny_text, "--max-length", 10)
    return ("text", "bench", "chemprot", *SMOKE, *model, "--data-dir", text_data)


def bench_config(text_data: Path, tiny_text: str, methods: str = ",".join(TEXT_METHODS)) -> TextBenchConfig:
    compute = choose_compute("cpu", "float32")
    return TextBenchConfig(
        methods, tuple(TEXT_OBJECTIVES), 1, None, "smoke", tiny_text, 10, text_data, compute
    )


def test_report_has_every_method_seed_and_file(run_cli, options, tmp_path, read_report):
    out = tmp_path / "out"
    code, stdout, _ = run_cli(*options, "--seeds", 2, "--out", out)
    assert code == 0
    report = read_report(out)
    assert set(report["methods"]) == set(TEXT_METHODS)
    assert all(len(m["test"]) == len(m["valid"]) == 2 for m in report["methods"].values())
    assert report["sizes"] == {"train": 36, "valid": 12, "test": 12}
    assert report["truncated"] > 0
    assert report["classes"] == ["bad", "good", "other"]
    learned = report["methods"]["tapweight"]["weights"]
    assert set(learned) == set(TEXT_OBJECTIVES)
    assert np.allclose(np.sum(list(learned.values()), axis=0), 1)
    assert {f.name for f in out.iterdir()} == {
        "report.json", "split.json", "weights.json", "weights.png", "scores.png",
    }  # fmt: skip
    assert all(method in stdout for method in TEXT_METHODS)
    assert f"{report['truncated']} texts are longer than 10 tokens" in " ".join(stdout.split())
    assert report["model"]["width"] == 32


def test_a_second_run_gives_the_same_report(run_cli, options, tmp_path, read_report):
    for folder in ("a", "b"):
        run_cli(*options, "--seeds", 1, "--methods", "tfidf,tapweight", "--out", tmp_path / folder)
    assert read_report(tmp_path / "a") == read_report(tmp_path / "b")
    assert (tmp_path / "a" / "weights.json").read_text() == (tmp_path / "b" / "weights.json").read_text()


def test_few_labels_and_all_texts(run_cli, options, tmp_path, read_report):
    out = tmp_path / "out"
    more = ("--seeds", 2, "--train-size", 9, "--methods", "tfidf,mlm", "--out", out)
    code, stdout, _ = run_cli(*options, *more)
    assert code == 0
    report = read_report(out)
    assert report["sizes"] == {"train": 9, "valid": 9, "test": 12}
    assert report["unlabelled"] == 36
    assert len(set(report["split_digests"])) == 2  # each seed draws others
    assert "pretraining reads all 36 texts of train, without their labels" in " ".join(stdout.split())


def test_corrupted_test_labels_change_nothing_but_the_test_score(text_data, tiny_text, tmp_path, monkeypatch):
    outputs: list[np.ndarray] = []

    def watched(method):
        def run(job: TextJob):
            fitted = method(job)
            outputs.append(fitted.predict(job.split.test))
            return fitted

        return run

    every = {label: watched(method) for label, method in TEXT_METHODS.items()}
    monkeypatch.setattr("molweight.benchmarks.text_bench.find_text_methods", lambda names: every)
    config = bench_config(text_data, tiny_text)
    honest = run_text_bench("chemprot", config, Outcomes(tmp_path / "honest")).outcomes
    path = text_data / "text" / "chemprot_test.jsonl.gz"
    content = gzip.decompress(path.read_bytes()).decode()
    swapped = content.replace('"good"', '"x"').replace('"bad"', '"good"').replace('"x"', '"other"')
    path.write_bytes(gzip.compress(swapped.encode()))
    corrupted = run_text_bench("chemprot", config, Outcomes(tmp_path / "corrupted")).outcomes
    count = len(TEXT_METHODS)
    for method, first, second in zip(TEXT_METHODS, outputs[:count], outputs[count:], strict=True):
        before, after = honest[method][0], corrupted[method][0]
        assert before.valid == after.valid
        assert before.weights == after.weights
        assert repr(before.history) == repr(after.history)
        assert np.array_equal(first, second)
        assert before.test != after.test


def test_no_method_is_given_a_test_label(text_data, tiny_text, tmp_path, monkeypatch):
    seen: list[TextJob] = []

    def spy(job: TextJob):
        seen.append(job)
        return TEXT_METHODS["tfidf"](job)

    monkeypatch.setattr("molweight.benchmarks.text_bench.find_text_methods", lambda names: {"spy": spy})
    run_text_bench("chemprot", bench_config(text_data, tiny_text), Outcomes(tmp_path / "kept"))
    (job,) = seen
    assert np.isnan(job.data.labels[job.split.test]).all()
    assert not np.isnan(job.data.labels[job.split.train]).any()


def test_another_encoder_of_that_name_is_not_resumed(text_data, tiny_text, tmp_path, run_cli, options):
    config = bench_config(text_data, tiny_text, "tfidf")
    kept = Outcomes(tmp_path / "out" / "outcomes")
    run_text_bench("chemprot", config, kept)
    run = json.loads((kept.folder / "run.json").read_text())
    (kept.folder / "run.json").write_text(json.dumps(run | {"model": [tiny_text, "of other weights"]}))
    code, _, error = run_cli(
        *options, "--seeds", 1, "--methods", "tfidf", "--precision", "float32", "--resume", tmp_path / "out"
    )
    assert code == 2
    assert "begun with another model" in error


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        (("chemprt",), "did you mean chemprot"),
        (("chemprot", "--methods", "bert"), "unknown method 'bert'"),
        (("chemprot", "--budget", "huge"), "unknown budget 'huge'"),
        (("chemprot", "--objectives", "masking"), "unknown objective 'masking'; there are masked_language"),
        (("chemprot", "--seeds", "0"), "--seeds must be at least 1"),
        (("chemprot", "--model", "/nowhere"), "/nowhere: no such folder"),
    ],
)
def test_mistakes_are_one_line(wrong, complaint, run_cli, text_data, tmp_path):
    code, _, error = run_cli("text", "bench", *wrong, "--data-dir", text_data, "--out", tmp_path / "out")
    assert code == 2
    assert complaint in " ".join(error.split())
    assert not (tmp_path / "out").exists()


def test_killed_at_a_write_and_resumed(run_cli, options, read_report, tmp_path):
    more = ("--seeds", 1, "--methods", "tfidf,tapweight")
    run_cli(*options, *more, "--out", tmp_path / "whole")
    out = tmp_path / "killed"
    code = "import molweight.tasks.learning as r; r.SNAPSHOT_EVERY = 2\n" + KILLED_AT_A_WRITE
    command = program(4, "before", *options, *more, "--out", out, code=code)
    killed = subprocess.run(command, capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    assert (out / "outcomes" / "tapweight-0.safetensors").exists()
    assert run_cli(*options, *more, "--resume", out)[0] == 0
    assert read_report(out) == read_report(tmp_path / "whole")
    assert (out / "weights.json").read_bytes() == (tmp_path / "whole" / "weights.json").read_bytes()


def test_planted_objectives_are_counted(run_cli, options, tmp_path):
    out = tmp_path / "plant"
    code, text, _ = run_cli(*options, "--plant", "--seeds", 2, "--out", out)
    assert code == 0
    found = json.loads((out / "plant.json").read_text())
    assert found["sizes"] == {"train": 12, "valid": 12, "held_back": 24}
    assert list(found["weights"]) == [*TEXT_OBJECTIVES, "leak", "noise"]
    above = sum(weight > 1 / 6 for weight in found["weights"]["leak"])
    assert found["leak_above"] == above
    assert f"of 2 seeds, the leak ended above an equal share in {above}" in " ".join(text.split())
    assert (out / "weights.png").stat().st_size > 10_000


def test_objectives_planted_on_texts(text_data, tiny_text):

    setting = prepare("chemprot", bench_config(text_data, tiny_text))
    data = setting.loaded.data.hide_labels(setting.splits[0].test)
    texts, compute = np.arange(48), choose_compute("cpu", "float32")
    planted = plant_texts(data, setting.store, texts, 8, compute, seed=3)
    parts = [planted.train, planted.valid, planted.held_back]
    assert sorted(np.concatenate(parts)) == list(range(48))
    encoder = setting.checkpoint.encoder
    leak, noise = (planted.objectives(encoder)[name] for name in ("leak", "noise"))
    assert torch.equal(leak.labels, torch.from_numpy(data.labels[planted.held_back]))
    assert not torch.equal(leak.labels, noise.labels)
    assert torch.equal(leak.labels.sort().values, noise.labels.sort().values)
    torch.nn.init.normal_(leak.head.weight)
    with torch.no_grad():
        losses = [float(leak(encoder, None, torch.Generator().manual_seed(seed))) for seed in (1, 1, 2)]
    assert losses[0] == losses[1] != losses[2]


@pytest.mark.slow
def test_a_real_encoder_finds_what_is_planted(data_folder, monkeypatch):
    """MiniLM on the first words of real reviews: a few steps are enough to tell a leak from noise."""
    monkeypatch.setattr("molweight.benchmarks.text_planted.STEPS", 20)
    compute = choose_compute("cpu")
    objectives = ("masked_language_modelling",)
    config = TextBenchConfig("tapweight", objectives, 1, 1000, "quick", "minilm", 16, data_folder, compute)
    found = run_text_planted("sst2", config)
    assert (found.leak_above, found.noise_below) == (1, 1)
