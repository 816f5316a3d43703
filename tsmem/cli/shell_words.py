"""Command lines to be copied into a shell: on the profile of this run, and exact, whatever ids hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tsmem.cli.call import Call


def again(call: Call, *command: str, arguments: Sequence[str] = (), **options: str) -> tuple[str, ...]:
    """The quoted words of a command line for the same profile. Arguments and options may hold anything; options are
    named without their hyphens."""
    chosen = (("--config", call.options.config), ("--profile", call.options.profile))
    words = ["tsmem", *(word for name, value in chosen if value is not None for word in _option(name, value))]
    words += command
    for name, value in options.items():
        words += _option(f"--{name.replace('_', '-')}", value)
    if any(argument.startswith("-") for argument in arguments):
        words.append("--")
    return tuple(quoted(word, unicode=call.streams.unicode) for word in (*words, *arguments))


def quoted(word: str, *, unicode: bool = True) -> str:
    """A word as every POSIX shell reads it; one that cannot be shown as it is, in the form $'...', which bash, zsh, ksh
    and POSIX 2024 know. Without `unicode` nothing but ASCII can be shown."""
    import shlex

    from tsmem.render.text import visible

    if visible(word) == word and (unicode or word.isascii()):
        return shlex.quote(word)
    return "$'" + "".join(_escaped(character, unicode=unicode) for character in word) + "'"


def _option(name: str, value: str) -> Sequence[str]:
    return (f"{name}={value}",) if value.startswith("-") else (name, value)


def _escaped(character: str, *, unicode: bool) -> str:
    from tsmem.render.text import visible

    if character in "\\'":
        return f"\\{character}"
    if character.isprintable() and visible(character) == character and (unicode or character.isascii()):
        return character
    return "".join(f"\\{byte:03o}" for byte in character.encode(errors="surrogatepass"))
