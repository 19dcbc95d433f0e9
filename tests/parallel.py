"""Functions of test modules on several processes that torchrun starts, as users start a data-parallel run."""

import importlib.util
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import Tensor

from molweight.solver.ranks import Ranks

LIMIT = 420  # seconds, for a deadlock to fail a test and not stop all; a busy machine may take 180


def torchrun(*arguments: str, count: int = 2, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run `torchrun` on this machine alone, and end it with all its processes where it takes too long."""
    options = ["--nproc-per-node", str(count), "--rdzv-backend", "c10d", "--rdzv-endpoint", "127.0.0.1:0"]
    command = [sys.executable, "-m", "torch.distributed.run", *options, "--local-addr", "127.0.0.1"]
    local = {"GLOO_SOCKET_IFNAME": "lo", "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [*command, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | local | variables,
    )
    try:
        out, err = process.communicate(timeout=LIMIT)
    except subprocess.TimeoutExpired:
        process.terminate()  # torchrun then ends its processes
        out, err = process.communicate(timeout=60)
        raise TimeoutError(f"still running after {LIMIT} s:\n{out}\n{err}") from None
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def over_ranks(function: Callable[[Ranks], Any], folder: Path, count: int = 2) -> list[Any]:
    """What a function of a test module gives on each of several processes, called with its place."""
    code = function.__code__
    done = torchrun(__file__, code.co_filename, function.__name__, str(folder), count=count)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return [pickle.loads((folder / f"{function.__name__}-{rank}").read_bytes()) for rank in range(count)]


def numbers(value: Any) -> list[float]:
    """All numbers of a nested result in one list."""
    if isinstance(value, Tensor):
        return value.double().flatten().tolist()
    if isinstance(value, dict | list | tuple):
        return [
            number
            for part in (value.values() if isinstance(value, dict) else value)
            for number in numbers(part)
        ]
    return [float(value)] if isinstance(value, int | float) else []


def _main(file: str, name: str, folder: str) -> None:
    import torch

    from molweight.launch import joined_ranks

    spec = importlib.util.spec_from_file_location("under_test", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    with joined_ranks(torch.device("cpu")) as ranks:
        found = getattr(module, name)(ranks)
        (Path(folder) / f"{name}-{ranks.rank}").write_bytes(pickle.dumps(found))


if __name__ == "__main__":
    _main(*sys.argv[1:])
