"""Mistakes on the command line that the parser finds, in our words: what is wrong, and what would be right, or the help
that lists it. Loaded when one was made.

Its one rule: a text of the parser's that is not known here is passed on, never dropped.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tsmem.errors import InvalidInput
from tsmem.nearest import nearest_names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typer.exceptions import TyperException

_WORDS = (
    (r"No such command '(.*?)'\.?(?: Did you mean (.*)\?)?", "there is no command '{0}'"),
    (r"No such option:? '?(.*?)'?\.?(?: Did you mean (.*)\?)?", "there is no option '{0}'"),
    (r"Missing argument '(.*)'\.?", "the argument {0} is missing"),
    (r"Missing option '(.*)'\.?", "the option {0} is missing"),
    (r"Got unexpected extra arguments? \((.*)\)\.?", "there are arguments too many: {0}"),
    (r"Got unexpected extra argument\(s\) \((.*)\)\.?", "there are arguments too many: {0}"),
    (r"Option '(.*)' requires an argument\.?", "the option {0} needs a value"),
    (r"Option '(.*)' does not take a value\.?", "the option {0} takes no value"),
    (r"Invalid value for '(.*?)': '(.*)' is not a valid (?:int|integer)\.?", "{0} must be a whole number, not '{1}'"),
    (r"Invalid value for '(.*?)': '(.*)' is not a valid float\.?", "{0} must be a number, not '{1}'"),
)
"""The parser's sentences and ours. A second name in one on commands and options is what was meant, perhaps."""
_CHOOSING = ("--session", "--user", "--path")
"""Options for what many would give as an argument."""
_READING = ("list", "recent", "search", "tail")
"""Commands that show rows."""


def usage(error: TyperException) -> InvalidInput:
    """The error of ours that a parser's is."""
    ctx = getattr(error, "ctx", None)
    text = getattr(error, "format_message", lambda: str(error))()
    hint = None
    if ctx is not None:
        option = getattr(error, "option_name", "") if text.startswith("No such option") else None
        if option is not None:
            near = _nearest(option, ctx)
            text = f"No such option: {option}" + (f". Did you mean '{near}'?" if near else "")
            hint = None if near else _instead(option, ctx) or _after_dashes(ctx)
        else:
            hint = _missing(ctx) if text.startswith("Missing ") else _too_many(text, ctx)
        hint = hint or f"{ctx.command_path} --help"
    return InvalidInput(_ours(text), hint=hint)


def _ours(text: str) -> str:
    for pattern, sentence in _WORDS:
        if found := re.fullmatch(pattern, text, re.DOTALL):
            question = f"; did you mean {found[2]}?" if sentence.startswith("there is no ") and found[2] else ""
            return sentence.format(*found.groups()) + question
    return text.rstrip(".")


def _options(command: Any) -> Iterator[str]:
    """The long options of a command."""
    for param in command.params:
        if param.param_type_name == "option":
            yield from (name for name in param.opts if name.startswith("--"))


def _arguments(command: Any) -> list[str]:
    """How the help names its arguments, without the brackets of those that may be left out."""
    return [param.metavar.strip("[]") for param in command.params if param.param_type_name == "argument"]


def _nearest(option: str, ctx: Any) -> str | None:
    """The option that is meant, unless it is an argument here."""
    bare = option.strip("-")
    if bare.upper() in _arguments(ctx.command):
        return None
    return next(
        (f"--{name}" for name in nearest_names(bare, [each[2:] for each in _options(ctx.command)] + ["help"])), None
    )


def _instead(option: str, ctx: Any) -> str | None:
    """Where what an option asks for is found: it is an argument here, or other commands have it."""
    name = option.removeprefix("--").upper()
    if name in _arguments(ctx.command):
        return f"{name} is no option here: {_line(ctx)}"
    if ctx.parent is None:
        groups = [ctx.command.get_command(ctx, name) for name in ("session", "message")]
        if any(option in _options(group.get_command(ctx, each)) for group in groups for each in group.entries):
            return f"{option} stands behind the command that it is for"
    elif having := list(_having(option, ctx)):
        return f"{' and '.join(having)} {'has' if len(having) == 1 else 'have'} it"
    if name == "USER" and ctx.command_path.startswith("tsmem message "):
        return "messages are kept by session: session list --user USER shows a user's sessions"
    return None


def _after_dashes(ctx: Any) -> str | None:
    """Return how to pass an argument that begins with a dash; None where the command takes no arguments."""
    names = " ".join(_arguments(ctx.command))
    if not names:
        return None
    return f"an argument that begins with - goes behind --, after all options: {ctx.command_path} -- {names}"


def _having(option: str, ctx: Any) -> Iterator[str]:
    """Commands that show rows and have an option: those of a group, those beside a command, and beside `show` those
    that show messages."""
    group, path = _group(ctx)
    for name in _READING:
        if name in getattr(group, "entries", ()) and option in _options(group.get_command(ctx, name)):
            yield f"{path} {name}"


def _group(ctx: Any) -> tuple[Any, str]:
    if ctx.parent is None or hasattr(ctx.command, "entries"):
        return ctx.command, ctx.command_path
    if ctx.info_name == "show":
        return ctx.parent.command.get_command(ctx.parent, "message"), f"{ctx.parent.command_path} message"
    return ctx.parent.command, ctx.parent.command_path


def _line(ctx: Any) -> str:
    """The command with what it needs."""
    needed = [
        f"{param.opts[0]} {param.metavar}"
        for param in ctx.command.params
        if param.param_type_name == "option" and param.required
    ]
    return " ".join((ctx.command_path, *needed, *_arguments(ctx.command)))


def _missing(ctx: Any) -> str:
    names = _arguments(ctx.command)
    if "USER" in names and "SESSION" in names:
        return f"{_line(ctx)}; session list shows whose each session is"
    return _line(ctx) + ("; session list shows what there is" * ("SESSION" in names))


def _too_many(text: str, ctx: Any) -> str | None:
    """What an argument too many was meant for, perhaps."""
    if "unexpected extra argument" not in text:
        return None
    names = _arguments(ctx.command)
    if "TEXT" in names:
        return f"put a text of several words in quotes: {ctx.command_path} 'several words'"
    choosing = {name: param.metavar for param in ctx.command.params for name in param.opts if name in _CHOOSING}
    if choosing:
        return " or ".join(f"{_line(ctx)} {name} {metavar}" for name, metavar in choosing.items())
    return f"{_line(ctx)}; see {ctx.command_path} --help" if names else None
