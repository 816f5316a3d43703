"""Clients that the command line opens, wrapped: faults and refusals of a store below real commands."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tsmem import adapters
from tsmem.port import TableClient


@contextmanager
def every_client(wrap: Callable[[TableClient], TableClient]) -> Iterator[None]:
    """Let `wrap` take the place of every client that is opened meanwhile."""
    opened = adapters.open_client
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(adapters, "open_client", lambda *args: wrap(opened(*args)))
        yield
