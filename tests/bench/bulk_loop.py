"""Moves rows with a bare loop of the SDK, as a baseline for bulk.py: `python -m tests.bench.bulk_loop MOVE FILE`.

The loop is sequential, with full pages (5,000 rows; keys only if keys are enough) and full batches (200 rows). It moves
the same rows as tsmem in the same order, and reads and writes JSON where tsmem does. It checks nothing.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from collections.abc import Iterator
from typing import Any

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import tablestore

KEYS = {"session": ("user_id", "session_id"), "message": ("session_id", "create_time", "message_id")}
BATCH = 200
Line = dict[str, Any]


class Loop:
    """Makes each move with sequential calls of the SDK. A method is a move."""

    def __init__(self) -> None:
        names = ("ENDPOINT", "ACCESS_KEY_ID", "ACCESS_KEY_SECRET", "INSTANCE_NAME")
        self._client = tablestore.OTSClient(*(os.environ[f"TABLESTORE_{name}"] for name in names))
        self._batch: dict[str, list[Any]] = {}

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

    def _add(self, table: str, kind: Any, *row: Any) -> None:
        condition = tablestore.Condition(tablestore.RowExistenceExpectation.IGNORE)
        self._batch.setdefault(table, []).append(kind(tablestore.Row(*row), condition))
        if sum(map(len, self._batch.values())) == BATCH:
            self._send()

    def _send(self) -> None:
        request = tablestore.BatchWriteRowRequest()
        for table, items in self._batch.items():
            request.add(tablestore.TableInBatchWriteRowItem(table, items))
        if self._batch and not self._client.batch_write_row(request).is_all_succeed():
            raise RuntimeError("a row failed")
        self._batch = {}

    def load(self, file: str) -> None:
        """Write the rows of an export file."""
        with open(file, encoding="utf-8") as stream:  # noqa: PTH123
            for line in map(json.loads, stream):
                if (kind := line["kind"]) in KEYS:
                    fields = ("update_time", "role", "content", "search_content")
                    columns = {name: line[name] for name in fields if line.get(name) is not None} | line["metadata"]
                    key = [(name, line[name]) for name in KEYS[kind]]
                    self._add(kind, tablestore.PutRowItem, key, list(columns.items()))
        self._send()

    def list(self, _: str) -> None:
        """Print all messages as JSON lines."""
        for row in self._rows("message", "message"):
            sys.stdout.write(json.dumps(_line(row), ensure_ascii=False) + "\n")

    def export(self, file: str) -> None:
        """Print all sessions and messages as JSON lines."""
        for row in self._rows("session", "session"):
            sys.stdout.write(json.dumps(_line(row), ensure_ascii=False) + "\n")
        self.list(file)

    def copy(self, _: str) -> None:
        """Copy all rows into the tables `copy_session` and `copy_message`."""
        for kind in KEYS:
            for row in self._rows(kind, kind):
                columns = [column[:2] for column in row.attribute_columns]
                self._add(f"copy_{kind}", tablestore.PutRowItem, row.primary_key, columns)
        self._send()

    def purge_messages(self, _: str) -> None:
        """Delete all messages, after reading their keys."""
        for row in self._rows("message", "message", keys=True):
            self._add("message", tablestore.DeleteRowItem, row.primary_key)
        self._send()

    def purge_sessions(self, _: str) -> None:
        """Delete all rows of the `copy_` tables, each session after its messages, after reading their keys."""
        for row in self._rows("copy_session", "session", keys=True):
            for message in self._rows("copy_message", "message", row.primary_key[1][1], keys=True):
                self._add("copy_message", tablestore.DeleteRowItem, message.primary_key)
            self._add("copy_session", tablestore.DeleteRowItem, row.primary_key)
        self._send()


def _line(row: Any) -> Line:
    return {**dict(row.primary_key), **{name: value for name, value, _ in row.attribute_columns}}


if __name__ == "__main__":
    getattr(Loop(), sys.argv[1])(sys.argv[2])
