import json
from dataclasses import replace
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread
from rich.console import Console
from scipy import stats
from suite_folder import NOISE, SETS, MadeUp, make_suite

from molweight.benchmarks.markdown import filled
from molweight.benchmarks.outcomes import FOLDER, Outcomes
from molweight.benchmarks.suite.parts import PARTS, tables_of
from molweight.benchmarks.suite.report import write_suite_report
from molweight.errors import DataError

CHIRAL = "chiral-scaffold"


def report(folder: Path) -> tuple[dict, str]:
    output = StringIO()
    write_suite_report(folder, Console(file=output, width=250))
    return json.loads((folder / "summary.json").read_text()), output.getvalue()


def line(text: str, *starts: str) -> str:
    """The line of a table whose first cells are these."""
    cells = ([cell.strip() for cell in row.split("|")[1:]] for row in text.splitlines())
    return next("|".join(row) for row in cells if tuple(row[: len(starts)]) == starts)


def markdown(summary: dict, part: str, split: str = CHIRAL) -> str:
    return "\n".join(table.as_markdown() for table in tables_of(summary, part, split))


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """A folder in which every cell is finished, and its report."""
    folder = make_suite(tmp_path_factory.mktemp("suite"))
    report(folder)
    return folder


@pytest.fixture(scope="module")
def summary(finished) -> dict:
    return json.loads((finished / "summary.json").read_text())


@pytest.fixture(scope="module")
def unfinished(tmp_path_factory) -> tuple[Path, dict, str]:
    """One set never begun, a method without a cell, one cell missing, one failed, one on another machine."""
    asked = MadeUp(
        sets=(*SETS, "qm8"),
        splits=(CHIRAL,),
        seeds=3,
        missing=[("bace", "equal", 2), *(("esol", "rf", seed) for seed in range(3))],
        failed={("sider", "finetune", 1): "FloatingPointError: loss is [nan] | in step 3"},
    )
    folder = make_suite(tmp_path_factory.mktemp("unfinished"), asked)
    kept = Outcomes(folder / "bbbp" / CHIRAL / FOLDER)
    kept.save("tapweight", 0, replace(kept.load("tapweight", 0), machine="H200, bfloat16", seconds=0.5))
    return (folder, *report(folder))


def test_every_cell_is_in_the_summary_and_no_prediction(finished, summary):
    for split, seeds, sets in ((CHIRAL, 4, list(SETS)), ("random-scaffold", 3, ["bbbp"])):
        assert list(summary["splits"][split]["sets"]) == sets
        for name in sets:
            entry = summary["splits"][split]["sets"][name]
            assert entry["metric"] == SETS[name][0]
            for method in NOISE:
                found = entry["methods"][method]
                kept = Outcomes(finished / name / split / FOLDER)
                tests = [kept.load(method, seed).test.value for seed in range(seeds)]
                assert found["test"] == pytest.approx(tests, rel=1e-5)
                assert len(found["valid"]) == len(found["seconds"]) == len(found["machine"]) == seeds
    learned = summary["splits"][CHIRAL]["sets"]["bbbp"]["methods"]["tapweight"]
    assert learned["weights"]["context_prediction"] == pytest.approx([0.7, 0.71, 0.72, 0.73])
    assert learned["evidence"]["context_prediction"]["cosine"] == pytest.approx([0.05, 0.06, 0.07, 0.08])
    assert (finished / "summary.json").stat().st_size < 60_000


def test_what_is_better_by_construction_wins(summary):
    told = summary["splits"][CHIRAL]
    assert told["ranking"]["methods"][0] == "tapweight"
    assert told["ranking"]["ranks"][0] == 1
    against = {pair["against"]: pair for pair in told["pairs"]}
    assert all(pair["wins"] >= 3 and pair["losses"] == 0 for pair in against.values())
    assert against["finetune"]["wins"] == 4
    assert against["equal"]["corrected"] == pytest.approx(3 / 8)  # 2 of 16 signs, three claims
    assert against["equal"]["too_few"]
    gain = told["mean_gains"]["finetune"]["tapweight"]
    each = [told["sets"][n]["gains"]["finetune"]["tapweight"]["mean"] for n in ("bbbp", "bace", "sider")]
    assert gain["mean"] == pytest.approx(np.mean(each), rel=1e-4)
    (low, high), (least, most) = gain["over_molecules"], gain["over_both"]
    assert 0.1 < least < low < gain["mean"] < high < most < 0.4
    assert told["agreement"]["tapweight"]["same"] == told["agreement"]["tapweight"]["sets"] == 4
    assert told["goals"]["tapweight"]["lost"] == told["goals"]["tapweight"]["below_forest"] == []


def test_tables_of_a_finished_suite(summary):
    scores = markdown(summary, "scores")
    assert line(scores, "`tapweight`").count("**") == 2 * 4  # three sets and their mean
    assert "Ours: tapweight." in scores
    assert "unfinished" not in scores
    assert "| esol (RMSE) |" in scores
    gains = markdown(summary, "gains")
    assert line(gains, "mean of classification").count("(3 sets)") == 3
    assert line(markdown(summary, "cost"), "`tapweight`").count("3.0×") == 5
    assert "too few sets" in line(markdown(summary, "ranks"), "`tapweight`", "`equal`")
    assert "on 3 sets" in markdown(summary, "goals")
    assert "No run has failed" in markdown(summary, "failures")
    assert "one class only in a test part: sider 1." in markdown(summary, "sets")
    assert "budget: quick; objectives: attribute_masking, context_prediction." in markdown(summary, "sets")
    weights = line(markdown(summary, "weights"), "bbbp")
    assert "**0.71 ± 0.01; cosine +0.065; alone +" in weights
    assert tables_of(summary, "goals", "random-scaffold") == []


def test_variants_are_compared_on_the_validation_part(summary):
    told = summary["splits"][CHIRAL]["sets"]
    valid = {m: np.array(told["esol"]["methods"][m]["valid"]) for m in ("rf", "tapweight")}
    cells = line(markdown(summary, "validation"), "`rf`").split("|")
    assert cells[7] == f"{valid['rf'].mean():.3f} ± {valid['rf'].std(ddof=1):.3f}"  # after two for each set
    worse = valid["tapweight"] - valid["rf"]  # of an error
    ends = stats.t.interval(0.95, 3, worse.mean(), stats.sem(worse))
    assert cells[8] == f"{worse.mean():+.3f} ({ends[0]:+.3f} to {ends[1]:+.3f})"
    assert line(markdown(summary, "validation"), "`tapweight`").count("|–") == 4


def test_without_a_method_of_ours_the_others_are_compared_with_the_first(tmp_path):
    methods = ("finetune", "equal")
    summary, _ = report(make_suite(tmp_path, MadeUp(methods=methods, splits=(CHIRAL,), seeds=2)))
    (table,) = tables_of(summary, "validation", CHIRAL)
    assert set(table.headings[2::2]) == {"on finetune"}
    assert table.rows[0][2] == "–"
    assert table.rows[1][2][0] in "+-"
    assert "Ours" not in markdown(summary, "scores")


def test_settings_that_all_networks_share_are_told_once(tmp_path):
    methods = ("rf", *(f"{m}@average=5@batch_size=16" for m in ("finetune", "equal", "tapweight")))
    found, text = report(make_suite(tmp_path, MadeUp(methods=methods, splits=(CHIRAL,), seeds=2)))
    for part in PARTS:
        for table in tables_of(found, part, CHIRAL):
            shown = table.as_markdown()
            assert "@average" not in shown
            named = "`tapweight`" in shown or "tapweight" in table.title
            if named:
                assert table.notes[-1] == "With average=5, batch_size=16: finetune, equal, tapweight."
    assert "| on finetune |" in markdown(found, "gains")
    assert "@average" not in text
    assert set(found["asked"]["methods"]) == set(methods)
    assert line(markdown(found, "cost"), "`finetune`").count("1.0×") == 5


def test_a_variant_is_compared_with_what_has_its_settings(tmp_path):
    methods = ("rf", "finetune", "finetune@average=5", "equal", "tapweight", "tapweight@average=5")
    found, text = report(make_suite(tmp_path, MadeUp(methods=methods, splits=(CHIRAL,), seeds=2)))
    told = found["splits"][CHIRAL]
    claims = [(p["method"], p["against"]) for p in told["pairs"] if p["claim"]]
    plain, variant = "tapweight", "tapweight@average=5"
    like = [(variant, "rf"), (variant, "finetune@average=5"), (variant, "equal")]
    assert sorted(claims) == sorted([*((plain, r) for r in ("rf", "finetune", "equal")), *like])
    gains = {r: told["mean_gains"][r][variant]["mean"] for r in ("finetune", "finetune@average=5")}
    assert told["goals"][variant]["gains"]["finetune"]["mean"] == gains["finetune@average=5"]
    assert told["goals"][plain]["gains"]["finetune"]["mean"] == told["mean_gains"]["finetune"][plain]["mean"]
    first, second = tables_of(found, "gains", CHIRAL)
    assert [h for h in first.headings if h.startswith("on ")] == ["on finetune", "on equal", "on rf"]
    assert second.headings[1::2] == ("on finetune@average=5", "on equal", "on rf")
    assert "on finetune@average=5" in text


def test_what_is_not_finished_is_said_and_neither_best_nor_ranked(unfinished):
    _, summary, text = unfinished
    told = summary["splits"][CHIRAL]
    scores = markdown(summary, "scores")
    assert line(scores, "`equal`").count("(2 of 3 seeds)") == 1
    assert "unfinished" in line(scores.partition("error, the lower")[2], "`rf`")
    assert line(scores, "`finetune`").endswith("–|")  # no mean over sets
    assert told["means"]["finetune"] is None
    assert told["not_begun"] == ["qm8"]
    assert "Asked for and not begun: qm8." in text
    assert told["ranking"] is None  # a reference lacks each set but one
    pairs = {pair["against"]: pair["sets"] for pair in told["pairs"]}
    assert pairs["equal"] == ["bbbp", "sider", "esol"]
    assert pairs["finetune"] == ["bbbp", "bace", "esol"]
    assert pairs["rf"] == ["bbbp", "bace", "sider"]
    valid = markdown(summary, "validation")
    assert line(valid, "`equal`").count("(2 of 3 seeds)") == 1
    assert "unfinished|–" in line(valid, "`rf`")
    failures = line(markdown(summary, "failures"), "sider", "`finetune`", "1")
    assert failures.startswith("sider|`finetune`|1|FloatingPointError\\: loss is \\[nan\\] \\|in step")
    assert "loss is [nan]" in text


def test_costs_are_within_a_machine(unfinished):
    _, summary, _ = unfinished
    sets = markdown(summary, "sets")
    assert "Run on different machines: bbbp;" in sets
    assert "H200, bfloat16; cpu, float32" in line(sets, "bbbp")
    assert summary["splits"][CHIRAL]["sets"]["bbbp"]["methods"]["tapweight"]["cost"] == 3


def test_pictures_are_drawn(finished):
    pictures = sorted(path.name for path in (finished / "pictures").iterdir())
    assert {f"ranks-{CHIRAL}.png", f"gains-{CHIRAL}.png"} <= set(pictures)
    assert f"weights-sider-{CHIRAL}-tapweight.png" in pictures
    assert len(pictures) == len(SETS) + 2 + 2  # a single set is not ranked
    for name in (f"ranks-{CHIRAL}.png", f"gains-{CHIRAL}.png"):
        pixels = imread(finished / "pictures" / name)
        assert min(pixels.shape[:2]) > 200
        assert pixels[..., :3].std() > 0.02


def test_the_same_folder_gives_the_same_summary(unfinished):
    folder, summary, _ = unfinished
    assert report(folder)[0] == summary


def test_a_page_takes_in_parts_of_a_summary(finished, summary):
    page = f"# R\n<!-- suite summary.json ranks {CHIRAL} -->\n9.99\n<!-- end -->\nafter\n"
    once = filled(page, finished)
    assert filled(once, finished) == once
    assert once.endswith("<!-- end -->\nafter\n")
    assert "| `tapweight` | 1.00 |" in once
    assert "9.99" not in once
    both = page + f"<!-- suite summary.json {next(iter(PARTS))} random-scaffold -->\n<!-- end -->\n"
    assert "**random-scaffold: data sets**" in filled(both, finished)


@pytest.mark.parametrize(
    ("block", "says"),
    [
        (f"summary.json score {CHIRAL}", "no part 'score'; there are sets, scores"),
        ("summary.json scores random", "no 'random' split; there are chiral-scaffold"),
        (f"suite.json scores {CHIRAL}", "not a suite's summary"),
        (f"gone.json scores {CHIRAL}", "cannot be read"),
    ],
)
def test_a_page_that_asks_for_what_is_not_there(finished, block, says):
    with pytest.raises(DataError, match=says):
        filled(f"<!-- suite {block} -->\n<!-- end -->\n", finished)


def test_a_suite_of_which_nothing_is_begun(tmp_path):
    summary, text = report(make_suite(tmp_path, MadeUp(splits=(CHIRAL,), begun=())))
    assert summary["splits"][CHIRAL]["not_begun"] == list(SETS)
    assert "Asked for and not begun: bbbp, bace, sider, esol." in text
    assert "Too few finished methods or data sets to rank." in text
