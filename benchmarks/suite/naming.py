"""Names without the settings that all variants share: told once, they need not stand in every cell."""

from collections.abc import Sequence

from molweight.benchmarks.plain_table import PlainTable
from molweight.tasks.variants import AT, base_of, settings_of


def shared_settings(methods: Sequence[str]) -> str:
    """What all variants among the methods have behind their names; nothing where names would get lost.

    That is with fewer than two variants, with different ones, and with one beside the method that it varies.

    >>> shared_settings(["rf", "equal@forest=true@steps=600", "tapweight@forest=true@steps=600"])
    '@forest=true@steps=600'
    >>> shared_settings(["rf", "equal", "equal@steps=600", "tapweight@steps=600"])
    ''
    """
    variants = [method for method in methods if AT in method]
    endings = {settings_of(variant) for variant in variants}
    if len(variants) < 2 or len(endings) > 1 or any(base_of(variant) in methods for variant in variants):
        return ""
    return endings.pop()


def listed(shared: str) -> str:
    """Settings as a sentence has them.

    >>> listed("@forest=true@steps=600")
    'forest=true, steps=600'
    """
    return ", ".join(shared.removeprefix(AT).split(AT))


def shortened(table: PlainTable, methods: Sequence[str]) -> PlainTable:
    """The table with the settings that all variants share below it, in place of behind each name."""
    shared = shared_settings(methods)
    if not shared:
        return table

    def short(text: str) -> str:
        return type(text)(text.replace(shared, ""))

    variants = ", ".join(base_of(method) for method in methods if AT in method)
    return PlainTable(
        short(table.title),
        tuple(map(short, table.headings)),
        tuple(tuple(map(short, row)) for row in table.rows),
        (*map(short, table.notes), f"With {listed(shared)}: {variants}."),
    )
