"""tsmem: the memory of AI agents (sessions and messages) on Alibaba Cloud TableStore or in one local file.

Importing it loads no SDK, no SQLite and no terminal library; each name is loaded when it is used.

    import tsmem

    with tsmem.open_store() as store:
        store.sessions.put(store.sessions.new("user-123", "session-456", metadata={"topic": "billing"}))
        for session in store.sessions.recent("user-123"):
            print(session.session_id, session.metadata.get_str("topic"))
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from tsmem.clock import Clock
    from tsmem.profiles import Profile
    from tsmem.store import Changes, MemoryStore, Message, Metadata, Page, Session

__version__ = "0.1.0"

__all__ = ["Changes", "MemoryStore", "Message", "Metadata", "Page", "Session", "open_profile", "open_store"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("tsmem.store"), name)


def open_store(
    profile: str | None = None,
    *,
    config: str | Path | None = None,
    environ: Mapping[str, str] | None = None,
    clock: Clock | None = None,
) -> MemoryStore:
    """Open the store of a profile. The caller closes it, or uses it in a `with` statement.

    The profile is chosen as on the command line: `profile`, else TSMEM_PROFILE, else the default of the profile file,
    else the built-in one. The store is neither connected to nor created before the first call on it.

    Raises ProfileError."""
    from tsmem.profiles import load_profile

    variables = os.environ if environ is None else environ
    return open_profile(load_profile(variables, config=config, profile=profile), clock)


def open_profile(
    profile: Profile,
    clock: Clock | None = None,
    *,
    log: Callable[[str], None] | None = None,
    notice: Callable[[str], None] | None = None,
) -> MemoryStore:
    """Open the store of a loaded profile.

    `log` is called with a line, without secrets, for each request over the wire. `notice` is called with messages for
    the user while a call is still running."""
    from tsmem.adapters import open_client
    from tsmem.clock import SystemClock
    from tsmem.store import MemoryStore
    from tsmem.store.layout import Layout, message_table, session_table

    time = SystemClock() if clock is None else clock
    layout = Layout(session_table(profile.tables.session), message_table(profile.tables.message))
    client = open_client(profile, time, log, notice)
    return MemoryStore(client, layout, clock=time, target=profile.target, is_local=profile.backend == "local")
