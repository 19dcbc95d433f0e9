import os
import signal
from pathlib import Path

if "PYTEST_XDIST_WORKER" in os.environ:  # before torch is imported: workers share the cores already
    os.environ.setdefault("OMP_NUM_THREADS", "1")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell starts what runs in its background
    signal.signal(signal.SIGINT, signal.default_int_handler)  # or programs that tests interrupt ignore it too

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

os.environ.setdefault(
    "DGLBACKEND", "pytorch"
)  # before anything imports dgl: else it writes to the home folder

# a first call imports torch or SciPy, and machines are shared: how long an example takes says nothing
settings.register_profile("molweight", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("molweight")


@pytest.fixture(autouse=True)
def cache_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or fills the user's cache."""
    monkeypatch.setenv("MOLWEIGHT_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def run(monkeypatch, capsys):
    """Call the program as the shell would; gives exit code, standard output and standard error."""
    from molweight.cli import main

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["molweight", *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:
            main()
        captured = capsys.readouterr()
        return int(stopped.value.code or 0), captured.out, captured.err

    return call


@pytest.fixture
def data_folder() -> Path:
    """The folder of real data sets that $MOLWEIGHT_DATA names."""
    folder = Path(os.environ.get("MOLWEIGHT_DATA", ""))
    if not (folder / "moleculenet").is_dir():
        pytest.skip("MOLWEIGHT_DATA names no folder with moleculenet data sets")
    return folder


AWKWARD = {
    "methane": "C",
    "ion": "[Na+]",
    "salt": "CC(=O)[O-].[Na+]",
    "dummy": "*c1ccccc1",
    "dative": "[NH3]->[Fe+2]",
    "square planar": "F[Pt@SP1](Cl)(Br)I",
    "double bond stereo": "C/C=C\\C",
    "chiral": "C[C@H](N)C(=O)O",
    "macrocycle": "C1CCCCCCCCCCCCC1",
    "drug": "CC(=O)Nc1ccc(O)cc1",
    "quadruple": "[Mo]$[Mo]",
}


@pytest.fixture(params=AWKWARD.values(), ids=AWKWARD.keys())
def awkward_smiles(request: pytest.FixtureRequest) -> str:
    """One molecule that trips other featurisers, after another."""
    return request.param


@pytest.fixture
def awkward() -> dict[str, str]:
    """All of them by name."""
    return AWKWARD


@pytest.fixture(scope="session")
def small_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A GIN of two layers and width 16, with random weights."""
    import torch

    from molweight.encoders.checkpoints import save_encoder
    from molweight.encoders.gin import GIN

    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("checkpoint") / "tiny.safetensors"
    save_encoder(GIN(2, 16), path, {})
    return str(path)


@pytest.fixture(scope="session")
def tiny_text(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The folder of a BERT of two layers and width 32, with random weights."""
    from tiny_bert import tiny_bert

    return str(tiny_bert(tmp_path_factory.mktemp("text") / "tiny"))


CORES = ["CC", "CCC", "CCCC", "c1ccccc1", "C1CCCCC1", "Cc1ccccc1", "CC(C)C", "C1CCCC1"]
ENDS = ["", "O", "N", "C(=O)O", "F"]


@pytest.fixture(scope="session")
def molecules() -> list[str]:
    """Forty molecules: eight cores with each of five ends."""
    return [end + core if end != "C(=O)O" else "OC(=O)" + core for core in CORES for end in ENDS]


@pytest.fixture(scope="session")
def hetero(molecules: list[str]) -> np.ndarray:
    """Number of hetero-atoms of each."""
    return np.array([sum(letter in "ONF" for letter in text) for text in molecules], np.float64)
