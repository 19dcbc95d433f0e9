import json
import re
from pathlib import Path

import pytest

import molweight.benchmarks
from molweight.benchmarks import markdown
from molweight.benchmarks.choosing import INNER
from molweight.benchmarks.markdown import filled, tables
from molweight.errors import DataError

PAGES = Path(molweight.benchmarks.__file__).parent


def method(*test, **more):
    return {
        "test": list(test),
        "test_others": {"accuracy": list(test)},
        "valid": list(test),
        "seconds": [9.6],
    } | more


@pytest.fixture
def report():
    learned = {
        "weights": {"a": [0.9, 0.4], "b": [0.1, 0.6]},
        "evidence": {n: {"cosine": [0.1, 0.3]} for n in "ab"},
    }
    methods = {
        "tfidf": method(0.5, 0.5),
        "finetune": method(0.6, 0.7),
        "tapweight": method(0.7, 0.9, **learned),
    }
    return {"metric": "macro_f1", "methods": methods}


def test_scores_differences_and_weights(report):
    lines = tables(report).splitlines()
    assert lines[0] == "| method | test macro F1 | test accuracy | valid macro F1 | seconds |"
    assert "| `finetune` | 0.650 ± 0.071 | 0.650 ± 0.071 | 0.650 ± 0.071 | 10 |" in lines
    assert "| `finetune` | +0.150 (-0.485 to +0.785) | no difference that can be told |" in lines
    assert "| a | 0.650 ± 0.354 | 1 of 2 | 0.200 ± 0.141 |" in lines
    assert not [line for line in lines if "tfidf" in line and "differ" in line]


@pytest.mark.parametrize(
    ("ours", "theirs", "says"),
    [
        ([0.9, 0.8, 0.9], [0.1, 0.1, 0.1], "higher"),
        ([0.1, 0.1], [0.3, 0.3], "lower"),
        ([0.1], [0.3], "one seed"),
    ],
)
def test_what_a_difference_says(report, ours, theirs, says):
    report["methods"] = {"finetune": method(*theirs), "tapweight": method(*ours)}
    assert says in tables(report)


def test_a_page_is_filled_again_to_the_same(report, tmp_path):
    (tmp_path / "report.json").write_text(json.dumps(report))
    page = "before\n<!-- report report.json -->\nold 1 | 2\n<!-- end -->\nafter\n"
    once = filled(page, tmp_path)
    assert "old 1" not in once
    assert once.startswith("before\n<!-- report report.json -->\n\n| method")
    assert once.endswith("<!-- end -->\nafter\n")
    assert filled(once, tmp_path) == once
    (tmp_path / "page.md").write_text(page)
    markdown.fill(tmp_path / "page.md")
    assert (tmp_path / "page.md").read_text() == once


def test_weights_beside_planted_objectives(tmp_path):
    weights = {"a": [0.1, 0.2], "b": [0.1, 0.1], "leak": [0.7, 0.6], "noise": [0.1, 0.1]}
    counts = {"dataset": "bbbp", "seeds": [0, 1], "leak_above": 2, "noise_below": 1}
    for name, normalise in (("as_is", True), ("raw", False)):
        planted = counts | {"weights": weights, "config": {"loop": {"normalise": normalise}}}
        (tmp_path / f"{name}.json").write_text(json.dumps(planted))
    page = filled("<!-- planted as_is.json raw.json -->\n<!-- end -->\n", tmp_path)
    cells = "0.650 ± 0.071 | 0.100 ± 0.000 | 0.100 to 0.150 | 2 of 2 | 1 of 2 |"
    assert f"| bbbp | {cells}\n| bbbp, losses in their own units | {cells}\n" in page


def test_what_choosing_came_to(tmp_path):
    told = {
        "kind": "regression",
        "metric": "rmse",
        "higher_is_better": False,
        "held": [9],
        "valid": {inner: {"rf": [1.0], "gbdt": [0.5]} for inner in INNER},
        "test": {"rf": [2.0], "gbdt": [1.5]},
    }
    (tmp_path / "choosing.json").write_text(json.dumps({"sets": {"esol": told}}))
    page = filled("<!-- choosing choosing.json -->\n<!-- end -->\n", tmp_path)
    assert "| chosen on | esol (RMSE) |\n| --- | --- |\n| scaffold | 1.500 |\n" in page
    assert filled(page, tmp_path) == page


def test_a_page_without_reports_and_a_report_that_is_none(tmp_path):
    with pytest.raises(DataError, match="names no report"):
        filled("# Title\n", tmp_path)
    with pytest.raises(DataError, match=r"nothing\.json: cannot be read as a report"):
        filled("<!-- report nothing.json -->\n<!-- end -->\n", tmp_path)


@pytest.mark.parametrize(
    "page", [p.name for p in PAGES.glob("*.md") if markdown.MARKED.search(p.read_text())]
)
def test_no_figure_in_a_page_is_typed_by_hand(page):
    content = (PAGES / page).read_text()
    assert filled(content, PAGES) == content


@pytest.mark.parametrize("page", ["RESULTS.md", "EARLIER.md"])
def test_sentences_of_the_results_tell_no_score_that_could_grow_stale(page):
    written = r"<!-- .*?<!-- end -->|```.*?```|`[^`]*`"
    sentences = re.sub(written, "", (PAGES / page).read_text(), flags=re.DOTALL)
    assert re.findall(r"\d+\.\d+", sentences) == []
