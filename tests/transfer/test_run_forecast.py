import numpy as np
import pytest
from transfer_runs import planted_run
from typer.testing import CliRunner

from molweight.cli import app
from molweight.errors import ConfigError, DataError
from molweight.reports.json_file import write_json
from molweight.transfer.advice import advise
from molweight.transfer.record import as_record
from molweight.transfer.run_forecast import run_forecast


@pytest.fixture(scope="module")
def folder(molecules, tmp_path_factory):
    path = tmp_path_factory.mktemp("run")
    run = planted_run(molecules)
    write_json(as_record(run, advise(run), "molweight transfer made.csv"), path / "report.json")
    return path


def numbers(text: str) -> tuple[float, float]:
    before, after = text.split("from ")[1].split(" to ")[:2]
    return float(before), float(after.split(",")[0])


def test_planted_help_is_foretold(folder):
    text = run_forecast(folder, "logP", ["<b>logS</b>=40"], ["logP=20", "<b>logS</b>=0"])
    before, after = numbers(text)
    clean = 0.8 - np.exp(-0.7 - 0.03 * 20)
    assert before == pytest.approx(clean, abs=0.02)
    assert after - before == pytest.approx(0.12, abs=0.04)
    assert "R² of logP" in text
    assert "past" not in text


def test_own_samples_are_foretold_from_the_curve_alone(folder):
    before, after = numbers(run_forecast(folder, "noise", ["noise=20"], ["noise=20"]))
    assert after - before == pytest.approx(np.exp(-0.7 - 0.6) - np.exp(-0.7 - 1.2), abs=0.02)


def test_samples_so_far_are_all_labels_of_the_table(folder):
    text = run_forecast(folder, "pKa", ["noise=10", "pKa=5"], [])
    assert "beside 20 of pKa and 20 of noise" in text


@pytest.mark.parametrize(
    ("task", "add", "fault"),
    [
        ("solubility", ["logP=1"], "none of the tasks"),
        ("pKa", [], "--add"),
        ("pKa", ["logP=1", "noise=1"], "curves are of pairs"),
        ("pKa", ["solubility=1"], "none of the tasks"),
    ],
)
def test_what_cannot_be_foretold_is_refused(folder, task, add, fault):
    with pytest.raises(ConfigError, match=fault):
        run_forecast(folder, task, add, [])


@pytest.mark.parametrize("content", [None, "{}", "[1", "[]"])
def test_a_folder_of_no_run_is_refused(tmp_path, content):
    if content is not None:
        (tmp_path / "report.json").write_text(content)
    with pytest.raises(DataError, match=r"report\.json"):
        run_forecast(tmp_path, "A", ["B=1"], [])


def test_the_command_prints_the_sentence(folder):
    result = CliRunner().invoke(
        app, ["transfer", "forecast", str(folder), "--task", "pKa", "--add", "logP=20", "--have", "pKa=20"]
    )
    assert result.exit_code == 0, result.output
    assert result.output.startswith("With 20 more samples of logP beside 20 of pKa")


def test_the_scan_needs_no_name_and_says_its_usage(monkeypatch):
    runner = CliRunner()
    usage = runner.invoke(app, ["transfer", "--help"]).output.splitlines()[0]
    assert "scan" not in usage
    missing = runner.invoke(app, ["transfer", "--out", "x"])
    assert missing.exit_code == 2
    assert "data" in missing.output.lower()
