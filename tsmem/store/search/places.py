"""The place where a page of a search ended, as its token says it.

A token may be made up: a place that the search could not have given out is refused.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any, NamedTuple

from tsmem.limits import MAX_INTEGER, MIN_INTEGER
from tsmem.rows import Key
from tsmem.store.codec import Codec
from tsmem.store.listing import cursor
from tsmem.store.listing.cursor import Cursor, Window

MAX_PAGE = 100
"""Rows of one search that reads columns."""


class SearchPosition(NamedTuple):
    """The place of an item, and how to go on behind it."""

    token: bytes | None
    """The service's token of the page that the item is on, or of the next if it ends that; None for the first."""
    skip: int
    """The number of rows of that page up to the item, itself included."""
    key: Key
    time: int | None


def place_token(identity: str, window: Window, place: SearchPosition) -> str:
    """The token of a place in a search."""
    service = None if place.token is None else base64.b64encode(place.token).decode()
    return cursor.encode_token(identity, Cursor(place.key, window), t=service, s=place.skip, u=place.time)


def open_place(given: str, identity: str, codec: Codec[Any]) -> tuple[SearchPosition, Window]:
    """The place and window of a token. Raises InvalidInput when it is damaged, or of another query."""
    document = cursor.open_token(given, identity)
    after, window = cursor.key_and_window(document, codec.table, codec.key_types(codec.table))
    service, skip, time = document.get("t"), document.get("s"), document.get("u")
    if type(skip) is not int or not 0 <= skip <= MAX_PAGE:
        raise cursor.damaged()
    if time is not None and (type(time) is not int or not MIN_INTEGER <= time <= MAX_INTEGER):
        raise cursor.damaged()
    return SearchPosition(None if service is None else _bytes(service), skip, after, time), window


def _bytes(service: object) -> bytes:
    """The service's own token; an empty one would mean its first page."""
    try:
        taken = base64.b64decode(service, validate=True) if isinstance(service, str) else b""
    except (binascii.Error, ValueError) as error:
        raise cursor.damaged() from error
    if not taken:
        raise cursor.damaged()
    return taken


def check_within(
    place: SearchPosition, codec: Codec[Any], equal: Mapping[str, str], window: Window, *, dated: bool
) -> None:
    """Raises InvalidInput for a place at which no item stands that is looked for: outside the window or what must be
    equal, or at another time than its key says."""
    key = dict(zip(codec.table.key, place.key, strict=True))
    time, (since, until) = place.time, window
    bounded = dated or since is not None or until is not None
    outside = (
        any(key.get(name, value) != value for name, value in equal.items())
        or key.get(codec.layout.time, time) != time
        or (bounded and time is None)
        or (time is not None and ((since is not None and time < since) or (until is not None and time > until)))
    )
    if outside:
        raise cursor.outside()
