"""Complete words for a shell: the values of an option, names of profiles, ids in the local store.

Nothing is fetched from a network. An error suggests nothing, because a shell that completes must not show it.

Stored ids are hostile. An id that a shell would split, expand or run is not suggested at all: each shell, and the
script through which it completes, would need a quoting of its own.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from itertools import islice
from typing import TYPE_CHECKING

import typer

from tsmem.errors import TsmemError

if TYPE_CHECKING:
    from tsmem.store import MemoryStore

MAX_SUGGESTIONS = 50
MAX_IDS = 500
"""Ids that are read at most, which takes 20 ms. More are read than offered, because some cannot be offered."""
_HARMLESS_WORD = r"[\w.@+,/][\w.@%+,/:=-]*"
"""Letters and digits of any script, and signs that mean nothing to any shell. A word does not begin with -, which would
make it an option, nor with %, because fish replaces %self by its process number."""


def suggest_words(*words: str) -> Callable[[str], list[str]]:
    return lambda incomplete: [word for word in words if word.startswith(incomplete)]


def complete_profile(ctx: typer.Context, args: list[str], incomplete: str) -> list[str]:
    from tsmem.profiles import profile_list

    try:
        if _would_wait(ctx):
            return []
        names = [line.name for line in profile_list(ctx.obj.environ, ctx.obj.options.config)]
    except (TsmemError, OSError):
        return []
    return [name for name in names if name.startswith(incomplete) and _is_harmless(name)]


def complete_setting(incomplete: str) -> list[str]:
    from tsmem.profiles.rules import PROFILE_KEYS

    return [f"{key}=" for key in PROFILE_KEYS if key != "tables" and key.startswith(incomplete)]


def complete_user(ctx: typer.Context, incomplete: str) -> list[str]:
    return _suggest_ids(ctx, lambda store: store.sessions.owner_ids(incomplete))


def complete_session(ctx: typer.Context, incomplete: str) -> list[str]:
    user = ctx.params.get("user")
    if user:
        return _suggest_ids(ctx, lambda store: store.sessions.ids_of(user, incomplete))
    return _suggest_ids(ctx, lambda store: store.messages.owner_ids(incomplete))


def complete_message(ctx: typer.Context, incomplete: str) -> list[str]:
    session = ctx.params.get("session")
    if not session:
        return []
    return _suggest_ids(ctx, lambda store: store.messages.ids_of(session, incomplete))


def _suggest_ids(ctx: typer.Context, ids: Callable[[MemoryStore], Iterator[str]]) -> list[str]:
    from tsmem import open_profile
    from tsmem.profiles import load_profile

    try:
        if _would_wait(ctx):
            return []
        profile = load_profile(ctx.obj.environ, config=ctx.obj.options.config, profile=ctx.obj.options.profile)
        if profile.backend != "local" or profile.path is None or not profile.path.is_file():
            return []
        with open_profile(profile) as store:
            return list(islice(filter(_is_harmless, islice(ids(store), MAX_IDS)), MAX_SUGGESTIONS))
    except (TsmemError, OSError):
        return []


def _is_harmless(text: str) -> bool:
    """Return True if every shell reads the text as one word and the terminal can show all of it."""
    from tsmem.render.text import visible_id

    try:
        text.encode(sys.stdout.encoding)
    except UnicodeEncodeError:
        return False
    return re.fullmatch(_HARMLESS_WORD, text) is not None and visible_id(text) == text


def _would_wait(ctx: typer.Context) -> bool:
    """Return True if the profile file is a named pipe: reading it would wait for a writer, and take what it writes."""
    from tsmem.profiles import config_path

    return config_path(ctx.obj.environ, ctx.obj.options.config).is_fifo()
