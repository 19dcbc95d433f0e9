import subprocess
import sys
import tomllib
from importlib.resources import files
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def test_every_package_folder_is_declared():
    if not (ROOT / "pyproject.toml").exists():
        pytest.skip("not run from a checkout")
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    found = {"molweight"}
    for top in ("molweight", "objectives", "benchmarks"):
        prefix = "" if top == "molweight" else "molweight."
        for init in (ROOT / top).rglob("__init__.py"):
            found.add(prefix + ".".join(init.parent.relative_to(ROOT).parts))
    assert set(declared) == found


def test_mapped_packages_are_importable_under_their_names():
    import molweight.benchmarks
    import molweight.objectives

    assert molweight.objectives.__name__ == "molweight.objectives"
    assert molweight.benchmarks.__name__ == "molweight.benchmarks"


def test_the_checkpoint_comes_with_its_card():
    folder = files("molweight.encoders.weights")
    assert (folder / "molweight_gin.safetensors").stat().st_size < 5_000_000
    assert "molweight pretrain" in (folder / "molweight_gin.md").read_text()


@pytest.mark.parametrize(
    ("module", "banned"),
    [
        ("molweight.cli", {"torch", "numpy", "rdkit", "pandas", "matplotlib"}),
        ("molweight.benchmarks.bench", {"dgl", "dgllife", "deepchem", "sklearn"}),
    ],
)
def test_heavy_imports_wait(module, banned):
    code = f"import sys, {module}; print(sorted({banned!r} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
