"""Commands of which one needs no name."""

from typing import Any, ClassVar

from typer.core import TyperGroup


class UnlessNamed(TyperGroup):
    """Takes one command for meant where the first word names no command, and shows no name for it."""

    meant: ClassVar[str]

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """As the group does, with that command's name first."""
        return super().parse_args(ctx, args if args and args[0] in self.commands else [self.meant, *args])

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """As the group does; that command has no name of its own."""
        name, command, rest = super().resolve_command(ctx, args)
        return "" if name == self.meant else name, command, rest
