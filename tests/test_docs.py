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


def test_readme_links_lead_somewhere():
    links = re.findall(r"\]\(([^)#]+)\)", (ROOT / "README.md").read_text())
    assert links
    assert [link for link in links if "://" not in link and not (ROOT / link).exists()] == []


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
