"""Progress bars of long work, on standard error so that results can be piped; of several ranks, of rank 0."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from molweight.launch import launched

Advance = Callable[[int, int | None, str], None]  # done, total, remark
_silent: ContextVar[bool] = ContextVar("silent", default=False)


@contextmanager
def progress_bar(title: str) -> Iterator[Advance]:
    """Show a bar; the function it gives takes the amount done, the total and a remark."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[remark]}"),
    )
    console = Console(stderr=True)
    hidden = not console.is_terminal or _quiet()
    with Progress(*columns, console=console, transient=True, disable=hidden) as progress:
        bar = progress.add_task(title, total=None, remark="")

        def advance(done: int, total: int | None, remark: str = "") -> None:
            progress.update(bar, completed=done, total=total, remark=remark)

        yield advance


def announce(line: str) -> None:
    """A line about finished work, on standard error: what remains of a bar, and all a log gets."""
    Console(stderr=True, quiet=_quiet()).print(line, style="dim", highlight=False, soft_wrap=True)


@contextmanager
def silence(silent: bool = True) -> Iterator[None]:
    """Without bars and lines in this thread, where that is wanted."""
    before = _silent.set(silent)
    try:
        yield
    finally:
        _silent.reset(before)


def _quiet() -> bool:
    return _silent.get() or launched()[0] > 0
