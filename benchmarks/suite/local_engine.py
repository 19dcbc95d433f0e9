"""Cells in processes of this machine, each of which does one after the other.

A process that dies takes one cell with it and no more. None outlives the program: those at work see it end.
"""

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from time import perf_counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from molweight.benchmarks.outcomes import Outcome
    from molweight.benchmarks.suite.view import Watch
    from molweight.benchmarks.suite.work import Failure, Results, Work

SPAWN = multiprocessing.get_context("spawn")  # a forked copy of a process with threads, or of CUDA, may hang
OFTEN = 0.2  # seconds between two reports of progress
GRACE = 10  # seconds for a process to end
VISIBLE = "CUDA_VISIBLE_DEVICES"


@dataclass(frozen=True)
class Worker:
    """A process, the line to it, and the GPU that is its own, by the name that CUDA has for it."""

    process: SpawnProcess
    line: Connection
    gpu: str | None = None


def run_local(
    works: Iterator["Work"], watch: "Watch", jobs: int, threads: int, gpus: Sequence[str] = ()
) -> "Results":
    """Do cells side by side; each is given as soon as it is done.

    Args:
        works: what to do; asked for the next when a process is free.
        watch: is told what begins and how it goes on.
        jobs: processes at once.
        threads: of each.
        gpus: each process sees one of these alone, the one that fewest others see.
    """
    from molweight.benchmarks.suite.work import Failure

    busy: dict[Connection, tuple[Worker, Work, float]] = {}
    idle: list[Worker] = []

    def fill() -> None:
        while len(busy) < jobs and (work := next(works, None)) is not None:
            taken = [worker.gpu for worker, _, _ in busy.values()]
            worker = idle.pop() if idle else _started(threads, min(gpus, key=taken.count, default=None))
            with suppress(OSError):  # it is dead already, as its line will say
                worker.line.send(work)
            busy[worker.line] = worker, work, perf_counter()
            watch.started(work.cell)

    try:
        fill()
        while busy:
            ready = wait(list(busy))
            for line in [each for each in busy if each in ready]:
                worker, work, began = busy[line]
                said = _said(worker)
                if isinstance(said, tuple):
                    watch.advance(work.cell, *said)
                    continue
                del busy[line]
                if said is None:
                    said = Failure(_death(worker), perf_counter() - began)
                if isinstance(said, Failure):  # it may have left the process, or its GPU, in a bad state
                    _end([worker])
                else:
                    idle.append(worker)
                yield work, said
            fill()
    finally:
        _end([*idle, *(worker for worker, _, _ in busy.values())])


def visible_gpus(count: int) -> list[str]:
    """Names of the GPUs that the program may use, of which it sees so many."""
    named = os.environ.get(VISIBLE)
    return named.split(",")[:count] if named else [str(number) for number in range(count)]


def _said(worker: Worker) -> "tuple[int, int | None, str] | Outcome | Failure | None":
    """Progress, a result, or None from a process that is dead."""
    try:
        return worker.line.recv()
    except (EOFError, OSError):
        return None


def _death(worker: Worker) -> str:
    worker.process.join(GRACE)
    code = worker.process.exitcode
    killed = f"was killed by signal {-code}" if code and code < 0 else f"ended with exit code {code}"
    return f"its process {killed}; was there enough memory?"


def _started(threads: int, gpu: str | None) -> Worker:
    ours, its = SPAWN.Pipe()
    process = SPAWN.Process(target=_work, args=(its, threads, gpu), daemon=False)
    with _interrupts_held():
        process.start()
    its.close()  # or its end would not be seen
    return Worker(process, ours, gpu)


def _end(workers: list[Worker]) -> None:
    for worker in workers:
        worker.process.terminate()
        worker.line.close()
    for worker in workers:
        worker.process.join(GRACE)


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """A process started inside never sees Ctrl-C, which the terminal sends to all: it is ended instead."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _work(line: Connection, threads: int, gpu: str | None) -> None:
    """What a process does: cells that come over the line, until it is closed."""
    for name in ("OMP_NUM_THREADS", "LOKY_MAX_CPU_COUNT"):
        os.environ[name] = str(threads)
    if gpu is not None:
        os.environ[VISIBLE] = gpu
    from molweight.benchmarks.suite.work import do_work  # torch reads the variables when it is imported

    threading.Thread(target=_end_with_parent, daemon=True).start()
    last = 0.0

    def advance(done: int, total: int | None, remark: str = "") -> None:
        nonlocal last
        if perf_counter() - last > OFTEN:
            line.send((done, total, remark))
            last = perf_counter()

    while True:
        try:
            work = line.recv()
        except EOFError:
            return
        line.send(do_work(work, advance))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
