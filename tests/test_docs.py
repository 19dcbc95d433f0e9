"""Every printed example runs, and what the documents name exists."""

import doctest
import importlib
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import molweight

ROOT = Path(__file__).parents[1]
MODULES = sorted(m.name for m in pkgutil.walk_packages(molweight.__path__, "molweight."))
PAGES = ["README.md", "CHANGELOG.md", *(f"benchmarks/{p.name}" for p in (ROOT / "benchmarks").glob("*.md"))]


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples(name):
    if name == "molweight.deepchem":
        pytest.importorskip("deepchem")
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_some_docstrings_have_examples():
    for name in ("molweight.molecules.smiles", "molweight.solver.curvature"):
        assert doctest.testmod(importlib.import_module(name)).attempted > 0


def test_readme_examples():
    result = doctest.testfile(str(ROOT / "README.md"), module_relative=False)
    assert result.attempted > 0
    assert result.failed == 0


def test_there_are_links():
    assert len(_links(ROOT / "README.md")) > 3
    assert len(_links(ROOT / "benchmarks" / "RESULTS.md")) > 3


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    for path, anchor in _links(ROOT / page):
        aim = (ROOT / page).parent / path if path else ROOT / page
        assert aim.exists(), path
        assert not anchor or anchor in _anchors(aim), f"{path}#{anchor}"


def _links(page: Path) -> list[tuple[str, str]]:
    """File and anchor of the links within the project."""
    found = re.findall(r"\]\(([^)#\s]*)#?([^)\s]*)\)", page.read_text())
    return [(path, anchor) for path, anchor in found if "://" not in path]


def _anchors(page: Path) -> set[str]:
    """Those of a page's titles, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize(
    "command",
    [
        "adapt",
        "predict",
        "screen",
        "transfer",
        "transfer forecast",
        "transfer objectives",
        "bench",
        "bench suite",
        "bench report",
        "pretrain",
        "text bench",
        "text adapt",
        "text predict",
    ],
)
def test_readme_names_only_options_that_exist(command):
    code = (
        f"import sys; sys.argv = ['molweight', *'{command}'.split(), '--help']; "
        "from molweight.cli import main; main()"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": "", "COLUMNS": "200", "TERM": "dumb"},
    )
    blocks = re.findall(
        rf"molweight {command} (?!forecast|objectives|suite|report)([^\n`]*)",
        (ROOT / "README.md").read_text(),
    )
    named = {option for block in blocks for option in re.findall(r"--[a-z-]+", block)}
    assert {option for option in named if option not in result.stdout} == set()
