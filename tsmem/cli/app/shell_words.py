"""Quote command lines that users paste into a shell. Stored text in them must not be run.

The quoting means the same in bash, zsh, dash and fish; tests/unit/cli/app/test_shell_words.py tries it with these
shells. No notation for a control character works in all of them, so a command with such a character is not shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from tsmem.cli.app.context import Context

NOT_SHOWN = "(command not shown: it contains a character that cannot be pasted into every shell)"


def repeated_command(
    context: Context, *command: str, arguments: Sequence[str] = (), profile: str | None = None, **options: str
) -> tuple[str, ...] | None:
    """Return the quoted words of a `tsmem` command line for a profile, by default the one of this run. Return None if
    a word cannot be quoted."""
    words = ["tsmem"]
    for name, value in (("config", context.options.config), ("profile", profile or context.options.profile)):
        words += [] if value is None else option_words(name, value)
    given = [word for name, value in options.items() for word in option_words(name.replace("_", "-"), value)]
    if any(argument.startswith("-") for argument in arguments):
        words += (*command, *given, "--", *arguments)
    else:
        words += (*command, *arguments, *given)
    return all_quoted(words, unicode=context.streams.unicode)


def option_words(name: str, value: str) -> Sequence[str]:
    return (f"--{name}={value}",) if value.startswith("-") else (f"--{name}", value)


def command_hint(context: Context, *command: str, **more: Any) -> str:
    return " ".join(repeated_command(context, *command, **more) or (NOT_SHOWN,))


def all_quoted(words: Iterable[str], *, unicode: bool = True) -> tuple[str, ...] | None:
    words_or_none = [quoted(word, unicode=unicode) for word in words]
    return None if None in words_or_none else tuple(word for word in words_or_none if word is not None)


def quoted(word: str, *, unicode: bool = True) -> str | None:
    """Return the quoted word, or None if the terminal, which shows only ASCII without `unicode`, cannot show it."""
    from tsmem.render.text import visible

    if visible(word) != word or not (unicode or word.isascii()):
        return None
    # Only fish gives a backslash a meaning within single quotes. A backslash or a single quote is therefore put outside
    # of them, behind a backslash. Characters such as =, ~ and % are quoted because they mean something to some shells.
    parts = [part for part in re.split(r"([\\'])", word) if part]
    return (
        "".join(
            f"\\{part}" if part in ("\\", "'") else part if re.fullmatch(r"[A-Za-z0-9_./:,+@-]+", part) else f"'{part}'"
            for part in parts
        )
        or "''"
    )
