"""adapt, predict and screen as a user runs them, and broken on purpose."""

import html
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file

from molweight.screening import adapt as screening_adapt

from .conftest import SMILES

FILES = {
    "MODEL_CARD.md", "calibration.safetensors", "metrics.json", "model.json", "objective_weights.json",
    "rejected.csv", "report.html", "split.json", "training.csv", "weights.safetensors",
}  # fmt: skip
HEAVIER = [s + "C(=O)N" for s in SMILES[:20] if s[-1] in "CO"]


@pytest.fixture(scope="session")
def measured(tmp_path_factory) -> Path:
    """64 molecules with a value, a row that is no molecule, and one that comes twice."""
    path = tmp_path_factory.mktemp("measured") / "measured.csv"
    generator = np.random.default_rng(0)
    values = [len(s) + 2 * ("O" in s) + generator.normal(0, 0.3) for s in SMILES]
    table = pd.DataFrame({"id": range(len(SMILES)), "structure": SMILES, "logP": np.round(values, 3)})
    extra = pd.DataFrame({"id": [900, 901], "structure": ["C1CC", SMILES[0]], "logP": [1.0, values[0]]})
    pd.concat([table, extra]).to_csv(path, index=False)
    return path


@pytest.fixture
def adapt(run, measured, tiny_checkpoint, tmp_path):
    def call(out: Path, *options: object, methods: str = "rf,finetune,tapweight") -> tuple[int, str, str]:
        common = ("--methods", methods, "--budget", "smoke", "--checkpoint", tiny_checkpoint, "--out", out)
        return run("adapt", measured, "--target", "logP", *common, *options)

    return call


@pytest.mark.slow
def test_from_a_table_to_a_ranked_list(adapt, run, measured, tmp_path):
    model = tmp_path / "model"
    code, out, err = adapt(model)
    assert code == 0, err
    said = " ".join(out.split())
    assert "64 molecules" in said
    assert "could not be read as molecules" in said
    assert "more than once" in said
    assert "regression (guessed" in said
    assert {path.name for path in model.iterdir()} == FILES
    assert not (tmp_path / "model.unfinished").exists()
    metrics = json.loads((model / "metrics.json").read_text())
    assert metrics["chosen"] in metrics["methods"]
    best = min(metrics["methods"], key=lambda name: np.mean(metrics["methods"][name]["valid"]))
    assert metrics["chosen"] == best
    split = json.loads((model / "split.json").read_text())
    rows = [row for part in split.values() for row in part]
    assert sorted(rows) == list(range(64))

    predicted = tmp_path / "predicted.csv.gz"
    code, _, err = run("predict", model, measured, "--out", predicted)
    assert code == 0, err
    table = pd.read_csv(predicted, keep_default_na=False)
    assert len(table) == 66
    assert table["problem"][64] != ""
    assert (table["problem"].drop(64) == "").all()
    assert "66 rows, of which 1 are no molecules" in " ".join(err.split())

    found = tmp_path / "found"
    code, _, err = run("screen", model, predicted.with_name("library.smi"), "--top", 5, "--out", found)
    assert code == 2
    assert "no such file" in err
    (tmp_path / "library.smi").write_text("\n".join([*HEAVIER, "junk here"]))
    code, _, err = run("screen", model, tmp_path / "library.smi", "--top", 5, "--out", found, "--diverse")
    assert code == 0, err
    assert {path.name for path in found.iterdir()} == {"top.csv", "top.svg", "screen.html"}
    assert pd.read_csv(found / "top.csv")["score"].is_monotonic_decreasing


@pytest.mark.slow
def test_unlabelled_molecules_are_pretrained_on_and_counted(adapt, tmp_path):
    library = tmp_path / "library.smi"
    library.write_text("\n".join(["OCCOCCO", "NCCNCCN", "c1ccccc1Br", *SMILES]))
    code, _, err = adapt(tmp_path / "model", "--unlabelled", library, methods="tapweight")
    assert code == 0, err
    metrics = json.loads((tmp_path / "model" / "metrics.json").read_text())
    judging = metrics["sizes"]["valid"] + metrics["sizes"]["test"]
    assert metrics["unlabelled"] == 3 + 64 - judging  # none that validates or tests


@pytest.fixture
def command(measured, tiny_checkpoint) -> list[str]:
    options = ["--budget", "smoke", "--checkpoint", str(tiny_checkpoint), "--device", "cpu"]
    program = [sys.executable, "-m", "molweight", "adapt", str(measured), "--target", "logP", *options]
    return [*program, "--methods", "finetune,tapweight", "--out"]


def start(command: list[str], *more: object) -> "subprocess.Popen[str]":
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    return subprocess.Popen([*command, *map(str, more)], text=True, env=environment, **pipes)


def wait_for(process: "subprocess.Popen[str]", path: Path) -> None:
    while process.poll() is None and not path.exists():
        time.sleep(0.02)


def ended(process: "subprocess.Popen[str]") -> tuple[int, str]:
    _, err = process.communicate(timeout=300)
    return process.returncode, err


@pytest.mark.slow
def test_a_run_that_is_killed_goes_on_to_the_same_model(command, tmp_path):
    assert ended(start(command, tmp_path / "straight"))[0] == 0
    killed = start(command, tmp_path / "model")
    wait_for(killed, tmp_path / "model.unfinished" / "finetune-0.safetensors")
    killed.send_signal(signal.SIGKILL)
    assert ended(killed)[0] == -signal.SIGKILL
    assert not (tmp_path / "model").exists()
    code, err = ended(start(command, tmp_path / "model"))
    assert code == 2
    assert "holds an interrupted run" in err
    code, err = ended(start(command, tmp_path / "model", "--resume", "--jobs", 2))
    assert code == 2
    assert "another number of processes" in " ".join(err.split())
    assert ended(start(command, tmp_path / "model", "--resume"))[0] == 0
    first, second = (load_file(tmp_path / name / "weights.safetensors") for name in ("straight", "model"))
    assert first.keys() == second.keys()
    assert all(np.array_equal(first[name], second[name]) for name in first)


@pytest.mark.slow
def test_ctrl_c_is_one_line_and_leaves_no_model(command, tmp_path):
    process = start(command, tmp_path / "model")
    wait_for(process, tmp_path / "model.unfinished" / "run.json")
    process.send_signal(signal.SIGINT)
    code, err = ended(process)
    assert code == 130
    assert err.strip().splitlines()[-1].startswith("molweight: interrupted")
    assert "Traceback" not in err
    assert not (tmp_path / "model").exists()


BROKEN = {
    "no such column": (b"smiles,y\nCCO,1\n", ("--target", "z"), "z"),
    "a wrong delimiter": (b"smiles;y\nCCO;1\nCCN;2\n", (), "semicolons"),
    "an empty file": (b"", (), "empty"),
    "a header alone": (b"smiles,y\n", (), "no row"),
    "UTF-16": ("smiles,y\nCCO,1\n".encode("utf-16"), (), "UTF-16"),
    "one molecule": (b"smiles,y\nCCO,1\n", (), "y"),
    "no label at all": (b"smiles,y\nCCO,\nCCN,\n", (), "y"),
    "a label that is text": (b"smiles,y\nCCO,1\nCCN,high\nCCC,3\n", (), "high"),
    "a decimal comma": (b'smiles,y\nCCO,"1,5"\nCCN,"2,5"\n', (), "1,5"),
    "a row too long": (b"smiles,y\nCCO,1,2,3\nCCN,2\n", (), "line 2 has 4 values"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_tables_are_one_line_and_leave_nothing(name, run, tmp_path):
    content, options, expected = BROKEN[name]
    table = tmp_path / "table.csv"
    table.write_bytes(content)
    target = () if options else ("--target", "y")
    code, _, err = run("adapt", table, *target, *options, "--out", tmp_path / "model")
    assert code == 2
    assert err.startswith("molweight: ")
    assert expected in err
    assert "Traceback" not in err
    assert [path.name for path in tmp_path.iterdir() if path.name != "cache"] == ["table.csv"]


def test_a_model_or_table_that_is_there_is_not_overwritten(run, adapt, measured, tmp_path):
    (tmp_path / "model").mkdir()
    code, _, err = adapt(tmp_path / "model")
    assert code == 2
    assert "give --overwrite to replace it" in err
    code, _, err = run("predict", tmp_path / "model", measured, "--out", tmp_path / "o.csv")
    assert code == 2
    assert "no model" in err
    code, _, err = run("screen", tmp_path / "model", measured, "--out", tmp_path / "model")
    assert code == 2
    assert "give --overwrite" in err


def test_unknown_methods_budgets_and_kinds_are_refused(adapt, tmp_path):
    for option, value in (("--methods", "magic"), ("--budget", "vast"), ("--kind", "ranking")):
        code, _, err = adapt(tmp_path / "model", option, value)
        assert code == 2
        assert value in err
    assert not (tmp_path / "model.unfinished").exists()


@pytest.mark.slow
def test_a_variant_is_tried_and_its_settings_are_those_of_the_members(adapt, tmp_path, monkeypatch):
    rates, original = [], screening_adapt.finetune

    def spy(encoder, data, train, valid, metric, config, *rest):
        rates.append(config.encoder_lr_factor)
        return original(encoder, data, train, valid, metric, config, *rest)

    monkeypatch.setattr(screening_adapt, "finetune", spy)
    variant = "finetune@encoder_lr_factor=0.1@descriptors=true"
    code, _, err = adapt(tmp_path / "model", methods=variant)
    assert code == 0, err
    assert rates == [0.1] * 5
    words = "pretrained network, fine-tuned, with encoder_lr_factor=0.1 and RDKit's descriptors"
    assert words in " ".join((tmp_path / "model" / "MODEL_CARD.md").read_text().split())
    assert words in html.unescape((tmp_path / "model" / "report.html").read_text())
    assert json.loads((tmp_path / "model" / "metrics.json").read_text())["chosen"] == variant


@pytest.mark.slow
def test_side_by_side_it_comes_to_the_same_model_but_for_rounding(adapt, tmp_path):
    metrics = {}
    for jobs in (1, 2):
        code, _, err = adapt(tmp_path / str(jobs), "--jobs", jobs, methods="finetune,tapweight")
        assert code == 0, err
        assert err.count("valid rmse") == 2
        metrics[jobs] = json.loads((tmp_path / str(jobs) / "metrics.json").read_text())
    assert metrics[1]["chosen"] == metrics[2]["chosen"]
    for name, found in metrics[1]["methods"].items():
        assert metrics[2]["methods"][name]["valid"] == pytest.approx(found["valid"], rel=1e-2)


@pytest.mark.parametrize(
    ("method", "member", "words"),
    [
        ("rf-descriptors", "forest", "random forest on ECFP4 fingerprints and RDKit's descriptors"),
        ("gbdt", "boosting", "gradient boosting on ECFP4 fingerprints and RDKit's descriptors"),
    ],
)
def test_trees_on_descriptors_are_chosen_kept_and_predict(
    adapt, run, measured, tmp_path, method, member, words, monkeypatch
):
    monkeypatch.setattr("molweight.tasks.boosting.ROUNDS", 50)
    model, out = tmp_path / "model", tmp_path / "predicted.csv"
    code, _, err = adapt(model, methods=method)
    assert code == 0, err
    assert json.loads((model / "model.json").read_text())["members"] == [member] * 5
    assert words in " ".join((model / "MODEL_CARD.md").read_text().split())
    code, _, err = run("predict", model, measured, "--out", out)
    assert code == 0, err
    table = pd.read_csv(out).iloc[:64]
    error = np.sqrt(np.mean((table["logP"] - table["prediction_logP"]) ** 2))
    assert error < 0.5 * table["logP"].std()


@pytest.mark.slow
def test_a_network_and_trees_together_are_chosen_kept_and_predict(adapt, run, measured, tmp_path):
    model, out = tmp_path / "model", tmp_path / "predicted.csv"
    method = "finetune@descriptors=true@forest=true@boosting=true"
    code, _, err = adapt(model, methods=method)
    assert code == 0, err
    assert json.loads((model / "model.json").read_text())["members"] == ["network+forest+boosting"] * 5
    code, _, err = run("predict", model, measured, "--out", out)
    assert code == 0, err
    table = pd.read_csv(out).iloc[:64]
    error = np.sqrt(np.mean((table["logP"] - table["prediction_logP"]) ** 2))
    assert error < 0.7 * table["logP"].std()


def test_methods_that_no_ensemble_can_be_fitted_of_are_refused(adapt, tmp_path):
    code, _, err = adapt(tmp_path / "model", methods="rf,probe,finetune,two-level,aligned-joint@lr=1e-4")
    assert code == 2
    assert "--methods probe, two-level, aligned-joint@lr=1e-4: for `molweight bench` alone" in " ".join(
        err.split()
    )
    assert not (tmp_path / "model.unfinished").exists()


@pytest.mark.slow
def test_a_full_disk_is_one_line(adapt, tmp_path, monkeypatch):
    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("molweight.screening.adapted_folder.write_model", full)
    code, _, err = adapt(tmp_path / "model", methods="rf")
    assert code == 2
    assert err.strip().splitlines()[-1] == "molweight: [Errno 28] No space left on device"
    assert [path.name for path in tmp_path.iterdir() if path.name != "cache"] == ["model.unfinished"]


@pytest.mark.slow
def test_test_molecules_that_training_has_as_good_as_seen_are_counted(run, tiny_checkpoint, tmp_path):
    acids = [f"{'C' * n}C(=O)O" for n in range(1, 60)]
    table = pd.DataFrame({"smiles": [*acids, *(a[:-1] + "[O-]" for a in acids)], "y": range(2 * len(acids))})
    table.to_csv(tmp_path / "acids.csv", index=False)
    options = ("--methods", "rf", "--budget", "smoke", "--checkpoint", tiny_checkpoint)
    code, out, err = run("adapt", tmp_path / "acids.csv", "--target", "y", "--out", tmp_path / "m", *options)
    assert code == 0, err
    metrics = json.loads((tmp_path / "m" / "metrics.json").read_text())
    assert 0 < metrics["leaked"] <= metrics["sizes"]["test"]
    assert f"{metrics['leaked']} test molecules are the compound of a train molecule" in " ".join(out.split())
