"""Cells as tasks of a Ray cluster. Nodes send outcomes back, and the machine that asked keeps them.

A node reads data sets and checkpoints from its own disk, by the same paths, and keeps no state of a cell.
"""

import logging
import os
import socket
from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING, Any

from molweight.errors import ConfigError

if TYPE_CHECKING:
    from molweight.benchmarks.outcomes import Outcome
    from molweight.benchmarks.suite.view import Watch
    from molweight.benchmarks.suite.work import Failure, Results, Work

TIMEOUT = 5  # seconds
OBJECT_STORE = 100 * 2**20  # bytes; only outcomes go through it


def run_ray(
    works: Iterator["Work"], watch: "Watch", jobs: int | None, address: str | None, device: str
) -> "Results":
    """Do cells side by side on the nodes of a cluster; each is given as soon as it is done.

    Args:
        works: what to do; asked for the next when there is room.
        watch: is told what begins.
        jobs: cells at once; None for one on each core, or on each GPU, of the cluster.
        address: of a running cluster; None to start one on this machine.
        device: cpu or cuda.

    Raises:
        ConfigError: if there is no such cluster, or it has no such devices.
    """
    ray = _joined(address, jobs)
    resource = "GPU" if device == "cuda" else "CPU"
    at_work: dict[Any, Work] = {}
    try:
        if not _room(ray, resource):
            raise ConfigError(f"the Ray cluster has no {resource}; use another --device or --address")
        task = ray.remote(num_cpus=1, num_gpus=int(device == "cuda"))(_do_on_node)
        while True:
            while len(at_work) < (jobs or _room(ray, resource)) and (work := next(works, None)) is not None:
                at_work[task.remote(replace(work, snapshot=None))] = work
                watch.started(work.cell)
            if not at_work:
                return
            for done in ray.wait(list(at_work))[0]:
                yield at_work.pop(done), _result(ray, done)
    finally:
        for task in at_work:
            ray.cancel(task, force=True)
        ray.shutdown()


def check_ray(address: str | None) -> None:
    """Refuse at once what Ray would find out in minutes, or not say plainly.

    Raises:
        ConfigError: if nothing answers at the address, or there is no Ray.
    """
    if address is not None:
        host, _, port = address.rpartition(":")
        try:
            socket.create_connection((host, int(port)), TIMEOUT).close()
        except (OSError, ValueError, OverflowError) as error:
            raise ConfigError(
                f"--address {address}: no Ray cluster answers there ({error}); give the HOST:PORT that ray "
                "start printed"
            ) from None
    if find_spec("ray") is None:
        raise ConfigError("--engine ray needs Ray; pip install 'molweight[ray]'")


def _joined(address: str | None, jobs: int | None) -> ModuleType:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray

    own = {"num_cpus": jobs, "object_store_memory": OBJECT_STORE, "include_dashboard": False}
    try:
        ray.init(
            address or "local", logging_level=logging.ERROR, log_to_driver=False, **({} if address else own)
        )
    except Exception as error:  # a bare one where a node does not start in time
        raise ConfigError(f"no Ray cluster to join at {address or 'this machine'} ({error})") from None
    return ray


def _room(ray: ModuleType, resource: str) -> int:
    """Cells at once on the nodes that there are now; some may join later."""
    return int(ray.cluster_resources().get(resource, 0))


def _do_on_node(work: "Work") -> "Outcome | Failure":
    os.environ["LOKY_MAX_CPU_COUNT"] = "1"  # Ray has limited the threads to the cores of the task
    from molweight.benchmarks.suite.work import do_work

    return do_work(work)


def _result(ray: ModuleType, done: Any) -> "Outcome | Failure":
    from molweight.benchmarks.suite.work import Failure

    try:
        return ray.get(done)
    except ray.exceptions.RayError as error:
        return Failure(f"{type(error).__name__}: {error}", 0.0)
