"""The one view of a running suite: cells done of all, those at work, the last score, and the time left."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import fmean

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from molweight.benchmarks.suite.plan import Cell


@dataclass(frozen=True)
class Watch:
    """What an engine tells while it works.

    Attributes:
        started: a cell has begun.
        advance: steps done, steps in all and a remark of a cell.
    """

    started: Callable[[Cell], None]
    advance: Callable[[Cell, int, int | None, str], None]


@dataclass
class SuiteView:
    """What is shown, on a terminal as bars and else as lines; everything goes to standard error."""

    progress: Progress
    whole: TaskID
    left: list[Cell]
    seconds: dict[tuple[str, str], list[float]] = field(default_factory=lambda: defaultdict(list))
    bars: dict[Cell, TaskID] = field(default_factory=dict)
    at_once: int = 1

    @property
    def watch(self) -> Watch:
        """For an engine."""
        return Watch(self._started, self._advance)

    def ended(self, cell: Cell, seconds: float, reached: str) -> None:
        """A cell is done, or has failed."""
        self.left.remove(cell)
        self.seconds[cell.data_set, cell.method].append(seconds)
        if cell in self.bars:
            self.progress.remove_task(self.bars.pop(cell))
        ahead = told_time(time_left(self.left, self.seconds, self.at_once))
        self.progress.update(self.whole, advance=1, remark=f"{ahead}   last: {cell}: {reached}")
        if self.progress.disable:
            done, count = self.progress.tasks[0].completed, self.progress.tasks[0].total
            self.tell(f"{done:.0f}/{count:.0f} {cell}: {reached} in {seconds:.0f} s; {ahead}")

    def tell(self, line: str) -> None:
        """A line that stays."""
        self.progress.console.print(line, style="dim", highlight=False, markup=False, soft_wrap=True)

    def _started(self, cell: Cell) -> None:
        self.bars[cell] = self.progress.add_task(f"  {cell}", total=None, remark="")
        self.at_once = max(self.at_once, len(self.bars))

    def _advance(self, cell: Cell, done: int, total: int | None, remark: str) -> None:
        self.progress.update(self.bars[cell], completed=done, total=total, remark=remark)


@contextmanager
def suite_view(
    cells: Sequence[Cell], left: Sequence[Cell], known: Mapping[tuple[str, str], list[float]]
) -> Iterator[SuiteView]:
    """Show a suite.

    Args:
        cells: all of them.
        left: those to do.
        known: seconds of cells that were done before, by data set and method.
    """
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(20),
        MofNCompleteColumn(),
        TextColumn("{task.fields[remark]}"),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        done = len(cells) - len(left)
        whole = progress.add_task("cells", total=len(cells), completed=done, remark="")
        seconds = defaultdict(list, {key: list(values) for key, values in known.items()})
        yield SuiteView(progress, whole, list(left), seconds)


def time_left(
    left: Iterable[Cell], seconds: Mapping[tuple[str, str], Sequence[float]], at_once: int
) -> float | None:
    """Seconds until all cells are done, or None where nothing is known yet.

    A cell is taken to cost as much as the method did on the data set; else as it did on others; else as
    cells did on average.

    Args:
        left: cells that are not done, those at work among them.
        seconds: of cells that are done, by data set and method.
        at_once: cells.

    >>> time_left([Cell("esol", "random", "rf", 1)] * 4, {("esol", "rf"): [2.0, 4.0]}, at_once=2)
    6.0
    """
    everywhere: dict[str, list[float]] = defaultdict(list)
    for (_, method), values in seconds.items():
        everywhere[method] += values
    every = [value for values in everywhere.values() for value in values]
    if not every:
        return None
    costs = [seconds.get((c.data_set, c.method)) or everywhere.get(c.method) or every for c in left]
    return sum(map(fmean, costs)) / at_once


def told_time(seconds: float | None) -> str:
    """In words, to the precision that such a guess has.

    >>> told_time(8_000)
    'about 2.2 h left'
    """
    if seconds is None:
        return ""
    for size, unit in ((86_400, "days"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"about {seconds / size:.1f} {unit} left"
    return f"about {seconds:.0f} s left"
