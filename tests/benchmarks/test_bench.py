import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from molweight.benchmarks.bench import BenchConfig, run_bench
from molweight.benchmarks.outcomes import Outcomes
from molweight.encoders.compute import choose_compute
from molweight.tasks.methods import METHODS, Job

pytestmark = pytest.mark.usefixtures("small_forests")

ALL = ",".join(METHODS)
DEFAULT = ("rf", "scratch", "finetune", "equal", "tapweight")
SMOKE = ("--budget", "smoke", "--seeds", 2, "--device", "cpu")


def bench_config(data_dir: Path, checkpoint: str = "molweight_gin") -> BenchConfig:
    objectives = ("attribute_masking", "edge_prediction")
    return BenchConfig(ALL, objectives, 1, "scaffold", "smoke", data_dir, checkpoint, choose_compute("cpu"))


@pytest.mark.parametrize("name", ["freesolv", "bbbp"])
def test_report_has_every_method_seed_and_file(name, run_cli, small_data, tmp_path, read_report):
    out = tmp_path / "out"
    code, stdout, _ = run_cli("bench", name, *SMOKE, "--data-dir", small_data, "--out", out)
    assert code == 0
    report = read_report(out)
    assert set(report["methods"]) == set(DEFAULT)
    assert all(len(m["test"]) == len(m["valid"]) == 2 for m in report["methods"].values())
    assert report["sizes"] == {"train": 64, "valid": 8, "test": 8}
    learned = report["methods"]["tapweight"]["weights"]
    assert np.allclose(np.sum(list(learned.values()), axis=0), 1)
    assert all(np.allclose(w, 0.25) for w in report["methods"]["equal"]["weights"].values())
    assert {f.name for f in out.iterdir()} == {
        "report.json", "split.json", "weights.json", "weights.png", "scores.png",
    }  # fmt: skip
    assert all(method in stdout for method in DEFAULT)


def test_objectives_left_out_have_no_share_and_variants_their_own_pictures(
    run_cli, small_data, tmp_path, read_report
):
    out = tmp_path / "out"
    methods = "tapweight-cg,tapweight-strength"
    chosen = ("--methods", methods, "--objectives", "contrastive, edge_prediction")
    code, stdout, _ = run_cli("bench", "freesolv", *SMOKE, *chosen, "--data-dir", small_data, "--out", out)
    assert code == 0
    found = read_report(out)["methods"]
    for method in methods.split(","):
        assert set(found[method]["weights"]) == {"contrastive", "edge_prediction"}
        assert (out / f"weights-{method}.png").stat().st_size > 10_000
        history = json.loads((out / f"weights-{method}.json").read_text())
        assert set(history[0][0]["losses"]) == {"contrastive", "edge_prediction"}
    assert sum(found["tapweight-cg"]["statuses"]["level2"].values()) == pytest.approx(1)
    assert found["tapweight-strength"]["statuses"] == {"level1": {}, "level2": {}}
    assert "overall strength" in stdout


@pytest.mark.parametrize(
    ("objectives", "complaint"),
    [
        ("masking", "unknown objective 'masking'; there are attribute_masking"),
        (" , ", "unknown objective ' , '"),
        ("contrastive,contrastive", "names an objective twice"),
    ],
)
def test_objectives_that_make_no_sense_are_refused(run_cli, objectives, complaint):
    code, _, error = run_cli("bench", "freesolv", "--objectives", objectives)
    assert code == 2
    assert complaint in error


def test_a_second_run_gives_the_same_report(run_cli, small_data, tmp_path, read_report):
    reports = []
    for folder in ("a", "b"):
        options = (*SMOKE, "--seeds", 1, "--data-dir", small_data, "--out", tmp_path / folder)
        run_cli("bench", "freesolv", *options)
        reports.append(read_report(tmp_path / folder))
    assert reports[0] == reports[1]
    assert (tmp_path / "a" / "weights.json").read_text() == (tmp_path / "b" / "weights.json").read_text()


@pytest.mark.parametrize("name", ["freesolv", "bbbp"])
def test_corrupted_test_labels_change_nothing_but_the_test_score(
    name, small_data, small_checkpoint, tmp_path, monkeypatch
):
    monkeypatch.setattr("molweight.tasks.boosting.ROUNDS", 5)
    monkeypatch.setattr("molweight.tasks.continued.DRAWS", 3)
    config = bench_config(small_data, small_checkpoint)
    predictions: list[np.ndarray] = []

    def watched(method):
        def run(job: Job):
            fitted = method(job)
            predictions.append(fitted.predict(job.split.test))
            return fitted

        return run

    every = {label: watched(method) for label, method in METHODS.items()}
    monkeypatch.setattr("molweight.benchmarks.bench.find_methods", lambda names: every)
    honest = run_bench(name, config, Outcomes(tmp_path / "honest"))
    column = {"freesolv": "expt", "bbbp": "p_np"}[name]
    path = small_data / "moleculenet" / f"{name}.csv.gz"
    table = pd.read_csv(path)
    test = honest.splits[0].test
    table.loc[test, column] = 1 - table.loc[test, column]  # flips a class, and ruins a value
    table.to_csv(path, index=False)
    corrupted = run_bench(name, config, Outcomes(tmp_path / "corrupted"))
    for method, first, second in zip(
        METHODS, predictions[: len(METHODS)], predictions[len(METHODS) :], strict=True
    ):
        before, after = honest.outcomes[method][0], corrupted.outcomes[method][0]
        assert before.valid == after.valid
        assert before.weights == after.weights
        assert repr(before.history) == repr(after.history)
        assert np.array_equal(first, second)
        if name == "bbbp":  # ranked against the flipped classes
            assert after.test.value == pytest.approx(1 - before.test.value)
        else:
            assert after.test.value != before.test.value


def test_no_method_is_given_a_test_label(small_data, tmp_path, monkeypatch):
    seen: list[Job] = []

    def spy(job: Job):
        seen.append(job)
        return METHODS["rf"](job)

    monkeypatch.setattr("molweight.benchmarks.bench.find_methods", lambda names: {"spy": spy})
    run_bench("freesolv", bench_config(small_data), Outcomes(tmp_path / "kept"))
    (job,) = seen
    assert np.isnan(job.data.labels[job.split.test]).all()
    assert not np.isnan(job.data.labels[job.split.train]).any()


def test_random_splits_differ_between_seeds_and_scaffold_splits_do_not(
    run_cli, small_data, tmp_path, read_report
):
    digests = {}
    for split in ("random", "scaffold"):
        options = (
            *SMOKE,
            "--methods",
            "rf",
            "--split",
            split,
            "--data-dir",
            small_data,
            "--out",
            tmp_path / split,
        )
        assert run_cli("bench", "freesolv", *options)[0] == 0
        digests[split] = read_report(tmp_path / split)["split_digests"]
    assert len(set(digests["random"])) == 2
    assert len(set(digests["scaffold"])) == 1


def test_several_sets_get_a_folder_each(run_cli, small_data, tmp_path):
    options = (*SMOKE, "--methods", "rf", "--data-dir", small_data, "--out", tmp_path / "out")
    assert run_cli("bench", "freesolv", "bbbp", *options)[0] == 0
    assert (tmp_path / "out" / "freesolv" / "report.json").exists()
    assert (tmp_path / "out" / "bbbp" / "report.json").exists()


def test_unparsable_rows_are_set_aside_and_counted(run_cli, small_data, tmp_path, read_report):
    path = small_data / "moleculenet" / "freesolv.csv.gz"
    table = pd.read_csv(path)
    table.loc[[3, 5], "smiles"] = ["C1CC", None]
    table.to_csv(path, index=False)
    out = tmp_path / "out"
    code, stdout, _ = run_cli(
        "bench", "freesolv", *SMOKE, "--methods", "rf", "--data-dir", small_data, "--out", out
    )
    assert code == 0
    assert "2 rows are not molecules" in stdout
    assert read_report(out)["rejected"] == 2
    rejected = pd.read_csv(out / "rejected.csv")
    assert rejected["file"].tolist() == ["freesolv.csv.gz"] * 2
    assert rejected["row"].tolist() == [3, 5]
    assert rejected["reason"].tolist() == ["not valid SMILES", "empty"]


def test_default_output_never_overwrites(run_cli, small_data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        run_cli("bench", "freesolv", *SMOKE, "--methods", "rf", "--data-dir", small_data)
    assert (tmp_path / "molweight-bench" / "freesolv" / "report.json").exists()
    assert (tmp_path / "molweight-bench" / "freesolv-2" / "report.json").exists()


def test_overwriting_must_be_asked_for(run_cli, small_data, tmp_path):
    options = (
        "bench",
        "freesolv",
        *SMOKE,
        "--methods",
        "rf",
        "--data-dir",
        small_data,
        "--out",
        tmp_path / "out",
    )
    assert run_cli(*options)[0] == 0
    code, _, stderr = run_cli(*options)
    assert code == 2
    assert "--overwrite" in stderr
    assert run_cli(*options, "--overwrite")[0] == 0


@pytest.mark.slow
def test_side_by_side_it_comes_to_the_same_but_for_rounding(run_cli, small_data, tmp_path, read_report):
    found = []
    for jobs in (1, 2):
        out = tmp_path / str(jobs)
        options = ("--methods", "finetune", "--jobs", jobs, "--data-dir", small_data, "--out", out)
        code, _, said = run_cli("bench", "freesolv", *SMOKE, *options)
        assert code == 0
        assert said.count("valid rmse") == 2
        found.append(read_report(out)["methods"]["finetune"])
    for part in ("test", "valid"):
        assert found[1][part] == pytest.approx(found[0][part], rel=1e-2)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--jobs", 0), "--jobs must be at least 1"),
        (("--jobs", 2, "--plant"), "--jobs does not go with --plant"),
    ],
)
def test_jobs_that_make_no_sense_are_refused(run_cli, options, says):
    code, _, error = run_cli("bench", "freesolv", *options)
    assert code == 2
    assert says in error
