"""What bulk moves through the SDK are compared with: `python -m tests.bench.bulk_peers WHO MOVE FILE MOST`.

`loop` is a bare sequential loop of the SDK, with full pages (5,000 rows, keys alone where keys are enough) and full
batches (200 rows). `official` is the library tablestore-for-agent-memory doing the same in its own way: it has no batch
of writes, and its deletes of many send all rows again from the 201st on, which the service refuses; so messages are
deleted session by session.

Its one rule: the same rows are moved in the same order, and JSON is read and written where tsmem does; nothing is
checked that the library does not check. At the end stderr says how many rows were moved: where one answer is waited for
after another, MOST ends it early.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

import tablestore

KEYS = {"session": ("user_id", "session_id"), "message": ("session_id", "create_time", "message_id")}
USER = "user-03"
BATCH = 200
Line = dict[str, Any]


def _client() -> Any:
    names = ("ENDPOINT", "ACCESS_KEY_ID", "ACCESS_KEY_SECRET", "INSTANCE_NAME")
    return tablestore.OTSClient(*(os.environ[f"TABLESTORE_{name}"] for name in names))


def _lines(file: str) -> Iterator[Line]:
    """The sessions and messages of an export."""
    with open(file, encoding="utf-8") as stream:  # noqa: PTH123
        for text in stream:
            line = json.loads(text)
            if line["kind"] in KEYS:
                yield line


def _columns(line: Line) -> Line:
    fields = ("update_time", "role", "content", "search_content")
    return {**{name: line[name] for name in fields if line.get(name) is not None}, **line["metadata"]}


def _say(lines: Iterable[Line]) -> int:
    count = 0
    for line in lines:
        sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
        count += 1
    return count


class Loop:
    """The SDK's own calls, one after another."""

    def __init__(self, most: int) -> None:
        self._client = _client()
        self._most = most
        self._batch: dict[str, list[Any]] = {}
        self._done = 0

    def _rows(self, table: str, kind: str, first: str | None = None, *, keys: bool = False) -> Iterator[Any]:
        names = KEYS[kind]
        start: Any = [(name, tablestore.INF_MIN) for name in names]
        end: Any = [(name, tablestore.INF_MAX) for name in names]
        if first is not None:
            start[0] = end[0] = (names[0], first)
        while start:
            wanted = list(names[:1]) if keys else None
            _, start, rows, _ = self._client.get_range(table, "FORWARD", start, end, wanted, max_version=1)
            yield from rows

    def _add(self, table: str, item: Any) -> None:
        self._batch.setdefault(table, []).append(item)
        self._done += 1
        if sum(map(len, self._batch.values())) == BATCH:
            self._send()

    def _send(self) -> int:
        if self._batch:
            request = tablestore.BatchWriteRowRequest()
            for table, items in self._batch.items():
                request.add(tablestore.TableInBatchWriteRowItem(table, items))
            if not self._client.batch_write_row(request).is_all_succeed():
                raise RuntimeError("a row failed")
            self._batch = {}
        return self._done

    def _put(self, table: str, key: Any, columns: Any) -> None:
        condition = tablestore.Condition(tablestore.RowExistenceExpectation.IGNORE)
        self._add(table, tablestore.PutRowItem(tablestore.Row(key, columns), condition))

    def _delete(self, table: str, key: Any) -> None:
        condition = tablestore.Condition(tablestore.RowExistenceExpectation.IGNORE)
        self._add(table, tablestore.DeleteRowItem(tablestore.Row(key), condition))

    def load(self, file: str) -> int:
        """Write the rows of an export."""
        for line in _lines(file):
            kind = line["kind"]
            self._put(f"new_{kind}", [(name, line[name]) for name in KEYS[kind]], list(_columns(line).items()))
        return self._send()

    def list(self, _: str) -> int:
        """All messages, as lines."""
        return _say(map(_line, self._rows("message", "message")))

    def export(self, _: str) -> int:
        """A user's sessions and their messages, as lines."""
        ids = []
        for row in self._rows("session", "session", USER):
            self._done += _say([_line(row)])
            ids.append(row.primary_key[1][1])
        for session_id in ids:
            if self._done < self._most:
                self._done += _say(map(_line, self._rows("message", "message", session_id)))
        return self._done

    def copy(self, _: str) -> int:
        """All rows into the other tables."""
        for kind in KEYS:
            for row in self._rows(kind, kind):
                self._put(f"copy_{kind}", row.primary_key, [column[:2] for column in row.attribute_columns])
        return self._send()

    def purge_messages(self, _: str) -> int:
        """All of them; keys are read."""
        for row in self._rows("message", "message", keys=True):
            self._delete("message", row.primary_key)
        return self._send()

    def purge_sessions(self, _: str) -> int:
        """All of the old tables, each session behind its messages; keys are read."""
        for row in self._rows("old_session", "session", keys=True):
            for message in self._rows("old_message", "message", row.primary_key[1][1], keys=True):
                self._delete("old_message", message.primary_key)
            self._delete("old_session", row.primary_key)
            if self._done >= self._most:
                break
        return self._send()


def _line(row: Any) -> Line:
    line = dict(row.primary_key)
    line.update((name, value) for name, value, _ in row.attribute_columns)
    return line


class Official:
    """The official library's calls."""

    def __init__(self, most: int) -> None:
        from tablestore_for_agent_memory.base.base_memory_store import Message, Session
        from tablestore_for_agent_memory.base.common import Order
        from tablestore_for_agent_memory.memory.memory_store import MemoryStore

        self._message, self._session, self._ascending = Message, Session, Order.ASC
        self._most = most
        client = _client()
        self._here, self._copy, self._new, self._old = (
            MemoryStore(client, session_table_name=f"{of}session", message_table_name=f"{of}message")
            for of in ("", "copy_", "new_", "old_")
        )

    @property
    def _shares(self) -> dict[str, int]:
        """How many rows of each kind there are among MOST."""
        sessions = self._most // 11
        return {"session": sessions, "message": self._most - sessions}

    def load(self, file: str) -> int:
        """Write the rows of an export, one by one."""
        left = self._shares
        for line in _lines(file):
            if left[line["kind"]] <= 0:
                continue
            left[line["kind"]] -= 1
            keys = {name: line[name] for name in KEYS[line["kind"]]}
            columns = _columns(line)
            if line["kind"] == "session":
                self._new.put_session(self._session(**keys, update_time=columns.pop("update_time"), metadata=columns))
            else:
                self._new.put_message(self._message(**keys, content=columns.pop("content"), metadata=columns))
        return self._most - sum(left.values())

    def list(self, _: str) -> int:
        """All messages, as lines."""
        return _say(map(vars, self._here.list_all_messages()))

    def export(self, _: str) -> int:
        """A user's sessions and their messages, as lines."""
        sessions = list(self._here.list_sessions(USER))
        done = _say(map(vars, sessions))
        for session in sessions:
            if done < self._most:
                done += _say(map(vars, self._here.list_messages(session.session_id, order=self._ascending)))
        return done

    def copy(self, _: str) -> int:
        """All rows into the other tables, one by one."""
        count = 0
        for session in islice(self._here.list_all_sessions(), self._shares["session"]):
            self._copy.put_session(session)
            count += 1
        for message in islice(self._here.list_all_messages(), self._shares["message"]):
            self._copy.put_message(message)
            count += 1
        return count

    def purge_messages(self, _: str) -> int:
        """All of them, session by session."""
        count = 0
        for session in self._here.list_all_sessions():
            if count >= self._most:
                break
            self._here.delete_messages(session.session_id)
            count += session.metadata["turns"]
        return count

    def purge_sessions(self, _: str) -> int:
        """All of the old tables, with their messages."""
        count = 0
        for session in self._old.list_all_sessions():
            if count >= self._most:
                break
            self._old.delete_session_and_messages(session.user_id, session.session_id)
            count += 1 + session.metadata["turns"]
        return count


WHO: dict[str, Callable[[int], Any]] = {"loop": Loop, "official": Official}

if __name__ == "__main__":
    who, move, file, most = sys.argv[1:]
    moved = getattr(WHO[who](int(most)), move)(file)
    sys.stdout.flush()
    sys.stderr.write(f"\n{moved}\n")
