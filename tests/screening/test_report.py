import html
import re

import numpy as np
import pytest
from adapted import FINDING, adapt_small
from browser import complaints, take_screenshot
from sklearn.metrics import roc_auc_score

from molweight.reports.page import Section, write_page
from molweight.reports.tables import mean_and_spread
from molweight.screening.comparison import differences, digits_for, method_scores, sampling_error
from molweight.screening.findings import Finding
from molweight.screening.report import write_report

pytestmark = pytest.mark.slow
COMMAND = "molweight adapt table.csv --target logS"
EVIL = "<script>alert(1)</script> \"q\" 'a' | `x` *b* [l](http://e.x) $\\frac{ µ 溶 " + "n" * 200
IMAGE = "<img src=x onerror=alert(2)>"


def render(adapted, folder):
    path = folder / "report.html"
    write_report(adapted, path, COMMAND)
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def regression(tmp_path_factory):
    methods = "rf,rf-descriptors,finetune,tapweight"
    return adapt_small(tmp_path_factory.mktemp("regression"), methods=methods, findings=[FINDING])


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    return adapt_small(
        tmp_path_factory.mktemp("hostile"),
        "classification",
        (EVIL, *(f"{IMAGE} {number}" for number in range(7))),
        (IMAGE, "<b>yes"),
        methods="finetune",
        seeds=1,
        source="<i>table.csv",
        findings=[Finding(IMAGE, EVIL, tuple(range(50)))],
    )


@pytest.fixture(scope="module")
def page(regression, tmp_path_factory):
    return render(regression, tmp_path_factory.mktemp("page"))


@pytest.fixture(scope="module")
def hostile_page(hostile, tmp_path_factory):
    return render(hostile, tmp_path_factory.mktemp("page"))


def cells(page, heading):
    """Rows of the table whose first heading this is, as texts."""
    (table,) = (t for t in re.findall(r"<table>.*?</table>", page, re.S) if f">{heading}</th>" in t)
    rows = re.findall(r"<tr[^>]*>(.*?)</tr>", table, re.S)[1:]
    return [[html.unescape(cell) for cell in re.findall(r"<td[^>]*>(.*?)</td>", row, re.S)] for row in rows]


def test_the_table_of_methods_has_the_numbers_of_the_run(regression, page):
    rows, scores = cells(page, "method"), method_scores(regression)
    assert [row[0].removesuffix(" (chosen)") for row in rows] == list(regression.test)
    (chosen,) = (row[0] for row in rows if row[0].endswith(" (chosen)"))
    assert chosen.startswith(regression.method)
    digits = digits_for([value for each in scores for value in (*each.test, *each.valid)])
    finetune = np.mean([t.seconds for t in regression.trials if t.method == "finetune"])
    for row, (method, test) in zip(rows, regression.test.items(), strict=True):
        trials = [trial for trial in regression.trials if trial.method == method]
        seconds = np.mean([trial.seconds for trial in trials])
        assert row[2] == mean_and_spread(test, digits)
        assert row[3] == mean_and_spread([trial.valid for trial in trials], digits)
        assert row[4:6] == ["2", f"{seconds:.1f}"]
        assert row[6] == f"{seconds / finetune:.2g}×"


def test_the_report_says_what_the_choice_bought_and_how_sure_that_is(regression, page):
    compared = [each.other for each in differences(regression)]
    assert compared == [m for m in ("rf", "rf-descriptors", "finetune") if m != regression.method]
    for each in differences(regression):
        assert f"{abs(np.mean(each.gains)):.3f}, mean of 2 seeds" in page
        assert f"±{each.error:.3f}" in page
    assert f"±{sampling_error(regression):.3f} (bootstrap standard error)" in page


def test_a_difference_of_seeds_is_paired(regression):
    for each in differences(regression):
        pairs = zip(regression.test[regression.method], regression.test[each.other], strict=True)
        assert each.gains == [theirs - mine for mine, theirs in pairs]  # of an error, less is more
        assert 0 < each.error < 10


def test_everything_about_the_run_is_there(regression, page):
    for text in (regression.split.digest, COMMAND, "torch", "Objective weights of tapweight", FINDING.text):
        assert text in page
    assert cells(page, "finding")[0][2] == "3, 5, 9"
    assert "60 rows were set aside" in page
    assert len(cells(page, "row")) == 50
    assert cells(page, "row")[0] == ["1,001", "C1CC<b>", "not valid SMILES"]
    assert page.count("<figure>") == 10


def test_the_file_needs_no_other_and_is_small(page, hostile_page):
    for text in (page, hostile_page):
        assert len(text) < 3_000_000
        assert set(re.findall(r"""(?:src|href)=["']?([^"'>\s]{5})""", text)) <= {"data:", "#part"}
        assert "url(" not in text
        assert "default-src 'none'" in text


def test_text_of_the_user_is_never_markup(hostile_page):
    assert "<script" not in hostile_page
    assert "<img src=x" not in hostile_page
    assert not re.search(r"<(?:b|i)>", hostile_page)
    assert html.escape(EVIL, quote=False) in hostile_page.replace("&#34;", '"').replace("&#39;", "'")


def test_of_many_tasks_six_are_pictured_and_all_are_told(hostile, hostile_page):
    rows = cells(hostile_page, "task")
    assert [row[0] for row in rows] == list(hostile.training.data.tasks)
    labels = (~np.isnan(hostile.training.data.labels)).sum(0)
    assert [row[1] for row in rows] == [str(count) for count in labels]
    for row, truth, ranked in zip(
        rows, hostile.training.data.labels.T, hostile.fitted.out_of_fold.T, strict=True
    ):
        assert row[3] == f"{roc_auc_score(truth[~np.isnan(truth)], ranked[~np.isnan(truth)]):.3f}"
    assert hostile_page.count("<h2>Task: ") == 6
    assert hostile_page.count("<img src=") == 6 * 4


def test_the_same_run_gives_the_same_bytes(regression, page, tmp_path):
    assert render(regression, tmp_path) == page


@pytest.mark.parametrize("name", ["page", "hostile_page"])
def test_a_browser_shows_it_and_does_not_complain(name, request, tmp_path):
    path = tmp_path / "report.html"
    path.write_text(request.getfixturevalue(name), encoding="utf-8")
    pixels, log = take_screenshot(path)
    assert pixels[..., :3].std() > 0.05
    assert pixels[:300, :, :3].min() < 0.3  # the title, in ink
    assert complaints(log) == []


def test_the_browser_would_complain_of_a_script(tmp_path):
    write_page(tmp_path / "page.html", "t", "", [Section("s", ["text"])])
    text = (tmp_path / "page.html").read_text().replace("<p>text</p>", "<script>alert(1)</script>")
    (tmp_path / "page.html").write_text(text)
    assert complaints(take_screenshot(tmp_path / "page.html", 400)[1])
