"""Measures how many requests a second `tsmem serve` answers for 1, 8 and 32 clients, relative to one client.

A client is a process with one connection and a bare loop of the SDK. All clients begin at the same time.
"""

from __future__ import annotations

import multiprocessing
import tempfile
import time
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

from tests.bench.engine import MESSAGE, Ratio, create_store, messages
from tests.bench.processes import serve
from tests.support.server_in_process import sdk_client

CLIENTS = (1, 8, 32)
REQUESTS = 4_000
"""Requests of all clients together."""
ROWS_A_BATCH = 20
WAIT_S = 600
"""Seconds after which a client that has not started is an error."""


def run() -> list[Ratio]:
    """Return requests a second / those of one client, for reads of one row and for batches of writes."""
    ratios = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        create_store(folder / "served.db", messages(1_000))
        with serve(folder) as environ:
            for what, requests in (("GetRow", REQUESTS), ("BatchWriteRow", REQUESTS // 10)):
                rates = {count: _rate(environ["TABLESTORE_ENDPOINT"], what, count, requests) for count in CLIENTS}
                ratios += [
                    (f"server: {what}, {count} clients", rate / rates[1], f"{rate:,.0f} requests a second")
                    for count, rate in rates.items()
                ]
    return ratios


def _rate(endpoint: str, what: str, clients: int, requests: int) -> float:
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(clients + 1)
    each = requests // clients
    processes = [context.Process(target=_work, args=(endpoint, what, n, each, barrier)) for n in range(clients)]
    for process in processes:
        process.start()
    barrier.wait(WAIT_S)
    started_s = time.perf_counter()
    barrier.wait(WAIT_S)
    rate = each * clients / (time.perf_counter() - started_s)
    for process in processes:
        process.join()
    return rate


def _work(endpoint: str, what: str, number: int, requests: int, barrier: Barrier) -> None:
    client = sdk_client(endpoint)
    client.list_table()
    key = messages(1)[0].key
    read = list(zip(MESSAGE.ref.key, key, strict=True))
    batches = [_batch(number, first) for first in range(requests)] if what == "BatchWriteRow" else []
    barrier.wait(WAIT_S)
    if what == "GetRow":
        for _ in range(requests):
            client.get_row("message", read, max_version=1)
    for batch in batches:
        client.batch_write_row(batch)
    barrier.wait(WAIT_S)


def _batch(client: int, first: int) -> Any:
    import tablestore

    items = []
    for number in range(ROWS_A_BATCH):
        key = [("session_id", f"client-{client}"), ("create_time", first), ("message_id", f"m{number}")]
        row = tablestore.Row(key, [("content", "what was said"), ("role", "user")])
        items.append(tablestore.PutRowItem(row, tablestore.Condition(tablestore.RowExistenceExpectation.IGNORE)))
    request = tablestore.BatchWriteRowRequest()
    request.add(tablestore.TableInBatchWriteRowItem("message", items))
    return request
