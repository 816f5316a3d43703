"""Command lines to be pasted into a shell: they use the profile of this run, and no stored text in them is run.

bash, zsh, dash and fish read this quoting alike (tests/unit/cli/app/test_shell_words.py tries it). A control character
has no notation that all of them read: a word with one is never quoted, and the command is not shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tsmem.cli.app.context import Context

NOT_SHOWN = "(command not shown: it contains a character that cannot be pasted into every shell)"


def repeated_command(
    context: Context, *command: str, arguments: Sequence[str] = (), profile: str | None = None, **options: str
) -> tuple[str, ...] | None:
    """Return the quoted words of a command line, for this run's profile by default; None if one cannot be quoted.

    Arguments and options may hold anything; options are named without their hyphens."""
    words = ["tsmem"]
    for name, value in (("config", context.options.config), ("profile", profile or context.options.profile)):
        words += [] if value is None else _option(name, value)
    words += command
    for name, value in options.items():
        words += _option(name.replace("_", "-"), value)
    if any(argument.startswith("-") for argument in arguments):
        words.append("--")
    return all_quoted((*words, *arguments), unicode=context.streams.unicode)


def _option(name: str, value: str) -> Sequence[str]:
    return (f"--{name}={value}",) if value.startswith("-") else (f"--{name}", value)


def command_hint(context: Context, *command: str, **more: Any) -> str:
    """Return the same command line as text, or NOT_SHOWN."""
    return " ".join(repeated_command(context, *command, **more) or (NOT_SHOWN,))


def all_quoted(words: Iterable[str], *, unicode: bool = True) -> tuple[str, ...] | None:
    """Return the words quoted; None if one of them cannot be."""
    found = [quoted(word, unicode=unicode) for word in words]
    return None if None in found else tuple(word for word in found if word is not None)


def quoted(word: str, *, unicode: bool = True) -> str | None:
    """Return a word as bash, zsh, dash and fish all read it; None if the terminal cannot show it as it is.

    Without `unicode` the terminal shows ASCII alone."""
    from tsmem.render.text import visible

    if visible(word) != word or not (unicode or word.isascii()):
        return None
    # Unlike the others, fish reads a backslash within single quotes, so it stands outside of them, as the quote does.
    # Among the characters that are quoted, =, ~ and % mean something to some shells.
    parts = [part for part in re.split(r"([\\'])", word) if part]
    return (
        "".join(
            f"\\{part}" if part in ("\\", "'") else part if re.fullmatch(r"[A-Za-z0-9_./:,+@-]+", part) else f"'{part}'"
            for part in parts
        )
        or "''"
    )
