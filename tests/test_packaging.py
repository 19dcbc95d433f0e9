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
        ("molweight", {"torch", "numpy", "rdkit", "pandas", "sklearn"}),
        ("molweight.cli", {"torch", "numpy", "rdkit", "pandas", "matplotlib"}),
        ("molweight.benchmarks.bench", {"dgl", "dgllife", "deepchem", "sklearn", "transformers"}),
        ("molweight.encoders.transformer_checkpoints", {"transformers", "tokenizers", "pandas"}),
    ],
)
def test_heavy_imports_wait(module, banned):
    code = f"import sys, {module}; print(sorted({banned!r} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_the_estimator_is_imported_when_it_is_asked_for():
    import molweight
    from molweight.screening.estimator import PropertyModel

    assert molweight.PropertyModel is PropertyModel
    assert not hasattr(molweight, "PropertyModels")


HEAVY = {
    "torch", "numpy", "scipy", "sklearn", "pandas", "pyarrow", "rdkit", "datamol", "dgl", "dgllife",
    "deepchem", "matplotlib", "joblib", "safetensors",
}  # fmt: skip


@pytest.mark.parametrize("command", [[], ["adapt"], ["predict"], ["screen"], ["bench"], ["pretrain"]])
def test_help_imports_nothing_heavy(command):
    program = [sys.executable, "-X", "importtime", "-m", "molweight", *command, "--help"]
    result = subprocess.run(program, capture_output=True, text=True, check=True)
    assert "Usage" in result.stdout
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in result.stderr.splitlines()}
    assert "typer" in imported
    assert imported & HEAVY == set()


def test_bench_says_something_before_it_imports_anything_heavy(tmp_path):
    """What a user sees at once: torch alone takes longer than a second."""
    code = """
import builtins, sys
sys.argv = ["molweight", "bench", "freesolv"]
ordinary = builtins.__import__
def stop(name, *rest, **more):
    if name.partition(".")[0] in HEAVY:
        sys.exit(3)
    return ordinary(name, *rest, **more)
builtins.__import__ = stop
from molweight.cli import main
main()
""".replace("HEAVY", repr(HEAVY))
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert result.returncode == 3
    assert result.stdout.startswith("molweight bench freesolv")
