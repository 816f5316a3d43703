"""The declared commands of `tsmem`, for tests that run over all of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import typer

from tsmem.cli.app.command_tree import CommandGroup, Declaration, root


def _walk(group: CommandGroup, prefix: str) -> Iterator[tuple[str, Declaration | CommandGroup]]:
    for name in group.commands:
        found = group.declaration(name)
        yield f"{prefix}{name}", found
        if isinstance(found, CommandGroup):
            yield from _walk(found, f"{prefix}{name} ")


def commands_and_groups() -> dict[str, Declaration | CommandGroup]:
    """Return commands and groups by full name (`session`, `session put`), in the order of the help."""
    return dict(_walk(root, ""))


def declarations() -> dict[str, Declaration]:
    return {name: found for name, found in commands_and_groups().items() if isinstance(found, Declaration)}


def params_of(name: str) -> list[typer.core.TyperOption | typer.core.TyperArgument]:
    group: CommandGroup = root
    *groups, last = name.split()
    for each in groups:
        group = group.get_command(None, each)
    command = group.get_command(None, last)
    return [param for param in command.params if param not in command.global_params]


def name_of(argv: Sequence[str]) -> str:
    """Return the full name of the command that a command line calls."""
    command = declared_by(argv)
    return next((name for name, found in declarations().items() if found is command), "")


def declared_by(argv: Sequence[str]) -> Declaration | None:
    """Return the command that a command line calls, or None."""
    at: CommandGroup = root
    for word in argv:
        if word in at.commands:
            found = at.declaration(word)
            if isinstance(found, Declaration):
                return found
            at = found
    return None
