"""What a shell is offered when it completes: words that an option takes, names of profiles, ids of the local store. It
never reaches a network, and fails silently: a shell that completes must not be told of errors.

Stored ids are hostile: what a shell would split, expand or run is not suggested at all, because each shell, and the
script that it completes through, would need a quoting of its own.
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
"""Ids that are looked at, so that those which are not offered do not hide the others: 500 take 20 ms."""
_HARMLESS = r"[\w.@+,/][\w.@%+,/:=-]*"
"""Letters and digits of any script, and signs that no shell takes for its own; none that makes an option of it. No %
at the beginning: fish reads %self as its process number."""


def suggest_words(*given: str) -> Callable[[str], list[str]]:
    """Offers these words."""

    def complete(incomplete: str) -> list[str]:
        return [word for word in given if word.startswith(incomplete)]

    return complete


def complete_profile(ctx: typer.Context, incomplete: str) -> list[str]:
    """Profiles whose name begins so."""
    import os

    from tsmem.profiles import profile_list

    try:
        if _would_wait(ctx):
            return []
        names = [line.name for line in profile_list(os.environ, _given(ctx, "config"))]
    except (TsmemError, OSError):
        return []
    return [name for name in names if name.startswith(incomplete) and _is_harmless(name)]


def complete_setting(incomplete: str) -> list[str]:
    """Keys of a profile that begin so, with the = that a value follows."""
    from tsmem.profiles.rules import BACKEND_KEYS, COMMON_KEYS

    keys = dict.fromkeys(key for of in (COMMON_KEYS, *BACKEND_KEYS.values()) for key in of if key != "tables")
    return [f"{key}=" for key in keys if key.startswith(incomplete)]


def complete_user(ctx: typer.Context, incomplete: str) -> list[str]:
    """Users of the local store whose id begins so."""
    return _suggest(ctx, lambda store: store.sessions.first_ids(incomplete))


def complete_session(ctx: typer.Context, incomplete: str) -> list[str]:
    """Sessions of the user on the line, or of anyone, whose id begins so."""
    user = ctx.params.get("user")
    if isinstance(user, str) and user:
        return _suggest(ctx, lambda store: store.sessions.ids_of(user, incomplete))
    return _suggest(ctx, lambda store: store.messages.first_ids(incomplete))


def complete_message(ctx: typer.Context, incomplete: str) -> list[str]:
    """Messages of the session on the line whose id begins so."""
    session = ctx.params.get("session")
    if not isinstance(session, str) or not session:
        return []
    return _suggest(ctx, lambda store: store.messages.ids_of(session, incomplete))


def _suggest(ctx: typer.Context, ids: Callable[[MemoryStore], Iterator[str]]) -> list[str]:
    import os

    from tsmem import open_profile
    from tsmem.profiles import load_profile

    try:
        if _would_wait(ctx):
            return []
        profile = load_profile(os.environ, config=_given(ctx, "config"), profile=_given(ctx, "profile"))
        if profile.backend != "local" or profile.path is None or not profile.path.is_file():
            return []
        with open_profile(profile) as store:
            return list(islice(filter(_is_harmless, islice(ids(store), MAX_IDS)), MAX_SUGGESTIONS))
    except (TsmemError, OSError):
        return []


def _is_harmless(text: str) -> bool:
    """True if every shell takes the text as one word, and its terminal shows all of it."""
    from tsmem.render.text import visible_id

    try:
        text.encode(sys.stdout.encoding)
    except UnicodeEncodeError:
        return False
    return re.fullmatch(_HARMLESS, text) is not None and visible_id(text) == text


def _would_wait(ctx: typer.Context) -> bool:
    """Whether the profile file is a pipe, which somebody may fill or not, and which can be read once."""
    import os

    from tsmem.profiles import config_path

    return config_path(os.environ, _given(ctx, "config")).is_fifo()


def _given(ctx: typer.Context, name: str) -> str | None:
    """A global option's value on the line that is being completed, wherever it stands."""
    value = ctx.meta.get(f"tsmem.{name}")
    return value if isinstance(value, str) else None
