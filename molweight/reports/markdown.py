"""Markdown in which text that is not ours means nothing but itself."""

import re
from collections.abc import Sequence

_MARKUP = re.compile(r"([\\`*_\[\]<>#|~$&:@])")


def escaped(text: str) -> str:
    r"""Any text for the middle of a line, with a backslash before what Markdown or HTML take for markup.

    >>> print(escaped("<b> *logS*\n# [x](y)"))
    \<b\> \*logS\* \# \[x\](y)
    """
    return _MARKUP.sub(r"\\\1", " ".join(text.split()))


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of cells that are Markdown already.

    >>> print(table(["a", "b"], [["1", "2"]]))
    | a | b |
    | --- | --- |
    | 1 | 2 |
    """
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def code_block(text: str) -> str:
    """Text set as it is, within a fence longer than any in it."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{text}\n{fence}"
