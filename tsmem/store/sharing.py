"""Find session ids that several users have, with the search index of the session table. The index lags a few seconds
behind the table, so a session that was just written might not be found."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from tsmem.port import TableClient
from tsmem.queries import Between, Bool, Query, Search, Term, Terms
from tsmem.rows import TableRef
from tsmem.store.layout import check_key_types

MAX_IDS = 500
"""Most session ids in one search. The service accepts 1,024 values."""
MAX_USERS = 100
"""Most users in one search. Each adds a part to the query."""

Pair = tuple[str, str]
"""A user id and a session id."""


def split_pairs(pairs: Iterable[Pair]) -> Iterator[list[Pair]]:
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


def find_other_users(
    client: TableClient, table: TableRef, index: str, pairs: Sequence[Pair], *, after: int | None = None
) -> dict[Pair, list[str]]:
    """The query leaves out the pairs' own users, so the first search usually finds nothing and is the only one. If it
    finds too many sessions, the next one asks only for the pairs that are not found yet."""
    found: dict[Pair, list[str]] = {}
    undecided = list(pairs)
    while undecided:
        page = client.search(table, index, Search(_query(undecided, after), columns=()))
        check_key_types(table, page.rows)
        users: defaultdict[str, list[str]] = defaultdict(list)
        for row in page.rows:
            users[str(row.key[1])].append(str(row.key[0]))
        for user, session in undecided:
            if other_users := [each for each in users[session] if each != user]:
                found[user, session] = other_users
        before, undecided = len(undecided), [pair for pair in undecided if pair not in found]
        if page.token is None or len(undecided) == before:
            break
    return found


def _query(pairs: Sequence[Pair], after: int | None) -> Query:
    ids: defaultdict[str, list[str]] = defaultdict(list)
    for user, session in pairs:
        ids[user].append(session)
    not_later = () if after is None else (Between("update_time", end=after),)
    parts = [
        Bool(filter=(Terms("session_id", tuple(sessions)),), must_not=(Term("user_id", user), *not_later))
        for user, sessions in ids.items()
    ]
    return parts[0] if len(parts) == 1 else Bool(should=tuple(parts))
