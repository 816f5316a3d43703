"""Session ids that several users have. Such users share the messages of the session, because a message's key has no
user. The search index over sessions finds them, as far as it is up to date."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from tsmem.port import TableClient
from tsmem.queries import Between, Bool, Query, Search, Term, Terms
from tsmem.rows import TableRef
from tsmem.store.layout import check_key_types

MAX_IDS = 500  # of one search; the service takes 1,024 values
MAX_USERS = 100  # of one search: each is a part of the query

Pair = tuple[str, str]
"""A user id and a session id."""


def split_pairs(pairs: Iterable[Pair]) -> Iterator[list[Pair]]:
    """Split pairs into lists that one search each can handle."""
    chunk: list[Pair] = []
    users: set[str] = set()
    for pair in pairs:
        if len(chunk) == MAX_IDS or (len(users) == MAX_USERS and pair[0] not in users):
            yield chunk
            chunk, users = [], set()
        chunk.append(pair)
        users.add(pair[0])
    if chunk:
        yield chunk


def others(
    client: TableClient, table: TableRef, index: str, pairs: Sequence[Pair], *, after: int | None = None
) -> dict[Pair, list[str]]:
    """Answer `Sessions.shared`. The query excludes the pairs' own users, so it mostly finds nothing."""
    found: dict[Pair, list[str]] = {}
    left = list(pairs)
    while left:
        page = client.search(table, index, Search(_query(left, after), columns=()))
        check_key_types(table, page.rows)
        users: defaultdict[str, list[str]] = defaultdict(list)
        for row in page.rows:
            users[str(row.key[1])].append(str(row.key[0]))
        for user, session in left:
            if named := [each for each in users[session] if each != user]:
                found[user, session] = named
        before, left = len(left), [pair for pair in left if pair not in found]
        if page.token is None or len(left) == before:
            break
    return found


def _query(pairs: Sequence[Pair], after: int | None) -> Query:
    """Return the query for sessions with these ids that belong to other users."""
    ids: defaultdict[str, list[str]] = defaultdict(list)
    for user, session in pairs:
        ids[user].append(session)
    older = () if after is None else (Between("update_time", end=after),)
    parts = [
        Bool(filter=(Terms("session_id", tuple(sessions)),), must_not=(Term("user_id", user), *older))
        for user, sessions in ids.items()
    ]
    return parts[0] if len(parts) == 1 else Bool(should=tuple(parts))
