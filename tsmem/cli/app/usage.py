"""Mistakes on the command line that the parser found: its own sentence, with the hint that helps most. Loaded when one
was made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tsmem.cli.app.command_tree import CommandGroup
from tsmem.errors import InvalidInput

if TYPE_CHECKING:
    from typer.exceptions import TyperException

_OFTEN_GIVEN_AS_ARGUMENT = ("--session", "--user", "--path")


def usage_error(error: TyperException) -> InvalidInput:
    """Return the parser's error as one of ours."""
    message = error.format_message()
    ctx: Any = getattr(error, "ctx", None)
    hint = None
    if ctx is None:
        return InvalidInput(message)
    if message.startswith("No such option"):
        hint = _about_option(getattr(error, "option_name", ""), ctx)
    elif message.startswith("Missing argument"):
        hint = _usage(ctx)
    elif message.startswith("Got unexpected extra argument"):
        hint = _about_extra_argument(ctx)
    return InvalidInput(message, hint=hint or f"{ctx.command_path} --help")


def _about_option(option: str, ctx: Any) -> str | None:
    """Say where an unknown option belongs, or how to pass an argument that looks like one."""
    if isinstance(ctx.command, CommandGroup):
        return f"options of a command go after its name; see {ctx.command_path} --help"
    names = _arguments(ctx)
    if option.removeprefix("--").upper() in names:
        return _usage(ctx)
    if not option.startswith("--") and names:
        words = " ".join(names)
        return f"an argument that begins with - goes behind --, after all options: {ctx.command_path} -- {words}"
    noun = ctx.command.declaration.shows
    if noun is None:
        return None
    group = ctx.find_root().command.get_command(ctx, noun)
    siblings = [group.get_command(ctx, name) for name in group.commands]
    having = [
        f"tsmem {noun} {sibling.name}"
        for sibling in siblings
        if sibling.declaration.shows and any(option in param.opts for param in sibling.params)
    ]
    return f"{' and '.join(having)} {'has' if len(having) == 1 else 'have'} it" if having else None


def _about_extra_argument(ctx: Any) -> str | None:
    names = _arguments(ctx)
    if "TEXT" in names:
        return f"put a text of several words in quotes: {ctx.command_path} 'several words'"
    options = {name: param.metavar for param in ctx.command.params for name in param.opts}
    instead = [f"{name} {options[name]}" for name in _OFTEN_GIVEN_AS_ARGUMENT if name in options]
    if instead:
        return " or ".join(" ".join((ctx.command_path, *names, option)) for option in instead)
    return _usage(ctx) if names else None


def _usage(ctx: Any) -> str:
    return " ".join((ctx.command_path, *ctx.command.collect_usage_pieces(ctx)))


def _arguments(ctx: Any) -> list[str]:
    """Return the names of a command's arguments, without the brackets of optional ones."""
    return [param.metavar.strip("[]") for param in ctx.command.params if param.param_type_name == "argument"]
