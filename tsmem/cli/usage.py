"""Mistakes on the command line that the parser finds, in our words: what is wrong, and the help that lists what is
right. Loaded when one was made.

Its one rule: a text of the parser's that is not known here is passed on, never dropped.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tsmem.errors import InvalidInput

if TYPE_CHECKING:
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


def usage(error: TyperException) -> InvalidInput:
    """The error of ours that a parser's is."""
    ctx = getattr(error, "ctx", None)
    hint = None if ctx is None else f"{ctx.command_path} --help"
    text = getattr(error, "format_message", lambda: str(error))()
    if near := getattr(error, "possibilities", None):
        text = f"No such option: {getattr(error, 'option_name', '')}. Did you mean '{near[0]}'?"
    return InvalidInput(_ours(text), hint=hint)


def _ours(text: str) -> str:
    for pattern, sentence in _WORDS:
        if found := re.fullmatch(pattern, text, re.DOTALL):
            question = f"; did you mean {found[2]}?" if sentence.startswith("there is no ") and found[2] else ""
            return sentence.format(*found.groups()) + question
    return text.rstrip(".")
