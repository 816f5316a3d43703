"""Command lines to be pasted into a shell: they use the profile of this run, and no stored text in them is run.

bash, zsh, dash and fish read the quoting here alike, which tests/unit/test_shell_words.py tries. What they have no
common way to write, a control character, is never quoted: then no command is shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tsmem.cli.app.context import Context

NOT_SHOWN = "(no command is shown: it would hold a character that cannot be pasted into every shell)"
"""Said in the place of a command."""


def repeated_command(
    context: Context, *command: str, arguments: Sequence[str] = (), profile: str | None = None, **options: str
) -> tuple[str, ...] | None:
    """Return the quoted words of a command line; None where one of them cannot be quoted.

    Without `profile` it is for the profile of this run. Arguments and options may hold anything; options are named
    without their hyphens."""
    chosen = (("--config", context.options.config), ("--profile", profile or context.options.profile))
    words = ["tsmem", *(word for name, value in chosen if value is not None for word in _option(name, value))]
    words += command
    for name, value in options.items():
        words += _option(f"--{name.replace('_', '-')}", value)
    if any(argument.startswith("-") for argument in arguments):
        words.append("--")
    return all_quoted((*words, *arguments), unicode=context.streams.unicode)


def command_hint(
    context: Context, *command: str, arguments: Sequence[str] = (), profile: str | None = None, **options: str
) -> str:
    """Return the same command line as text, or a remark in its place."""
    words = repeated_command(context, *command, arguments=arguments, profile=profile, **options)
    return NOT_SHOWN if words is None else " ".join(words)


def all_quoted(words: Iterable[str], *, unicode: bool = True) -> tuple[str, ...] | None:
    """Return the words quoted; None where one of them cannot be."""
    found = [quoted(word, unicode=unicode) for word in words]
    return None if None in found else tuple(word for word in found if word is not None)


def quoted(word: str, *, unicode: bool = True) -> str | None:
    """Return a word as bash, zsh, dash and fish all read it; None for one that cannot be shown as it is.

    Without `unicode` nothing but ASCII can be shown."""
    from tsmem.render.text import visible

    if visible(word) != word or not (unicode or word.isascii()):
        return None
    # fish, unlike the others, reads a backslash within single quotes, so it stands outside them, as the quote does.
    parts = re.split(r"([\\'])", word)
    return "".join(f"\\{part}" if part in ("\\", "'") else _in_quotes(part) for part in parts if part) or "''"


def _in_quotes(text: str) -> str:
    """Quote all but letters, digits and a few signs: of the signs, `=`, `~` and `%` mean something to some shells."""
    return text if re.fullmatch(r"[A-Za-z0-9_./:,+@-]+", text) else f"'{text}'"


def _option(name: str, value: str) -> Sequence[str]:
    return (f"{name}={value}",) if value.startswith("-") else (name, value)
