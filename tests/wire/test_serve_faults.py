"""Injected faults: what each does to a client, how often, and how `--fault` is read."""

from __future__ import annotations

import random
import re
import socket
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.support.raw_http import (
    TIMEOUT_S,
    RunningServer,
    Stub,
    ots_headers,
    parse_reply,
    post,
    request,
    running,
    signed,
)
from tsmem.errors import InvalidInput
from tsmem.server.actions import RowFault
from tsmem.server.dispatch import ACTIONS
from tsmem.server.http.auth import AccessKey
from tsmem.server.http.faults import KINDS, Faults, FaultSpec, parse_fault

HANG = FaultSpec("hang", 1)


def faulty(*specs: str, seed: int = 0, **settings: Any) -> Any:
    return running(faults=Faults([parse_fault(text) for text in specs], seed), **settings)


def status_and_code(here: RunningServer, action: str = "PutRow") -> tuple[int, str]:
    """Return the status and the error code of a reply. The status is 0 if there is no reply or only a part of one."""
    data = here.raw(request(action=action))
    head, end, body = data.partition(b"\r\n\r\n")
    if not end or len(body) != int(parse_reply(data).headers["content-length"]):
        return 0, "cut" if head else "nothing"
    reply = parse_reply(data)
    return reply.status, "" if reply.status == 200 else reply.error[0]


def test_threads_together_meet_the_faults_of_the_seed() -> None:
    """A fault takes several random numbers, which must come from the seed's sequence without a gap."""
    specs = [parse_fault(f"{kind}:0.2") for kind in ("throttle", "timeout", "drop", "unavailable")]
    alone = Faults(specs, 3)
    expected = Counter(alone.draw_fault("PutRow") for _ in range(8000))
    faults, interval = Faults(specs, 3), sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as pool:
            parts = [pool.submit(lambda: [faults.draw_fault("PutRow") for _ in range(2000)]) for _ in range(4)]
            drawn = Counter(fault for part in parts for fault in part.result())
    finally:
        sys.setswitchinterval(interval)

    assert expected == drawn


def test_refuse_closes_the_connection_before_the_request_is_carried_out() -> None:
    with faulty("refuse:1") as here:
        assert (0, "nothing") == status_and_code(here)

    assert [] == here.stub.asked
    assert [(0, "refuse", "PutRow")] == [(entry.status, entry.fault, entry.action) for entry in here.log]


def test_throttle_returns_retryable_errors_and_carries_nothing_out() -> None:
    with faulty("throttle:1") as here:
        answers = {status_and_code(here) for _ in range(60)}
        here.ask(request(b"notes", action="PutRow"))

    assert ([], "notes") == (here.stub.asked, here.log[-1].table)
    assert {
        (503, "OTSServerBusy"),
        (503, "OTSPartitionUnavailable"),
        (403, "OTSNotEnoughCapacityUnit"),
        (409, "OTSRowOperationConflict"),
    } == answers


@pytest.mark.parametrize(
    ("kind", "answers"),
    [
        ("timeout", {(503, "OTSTimeout")}),
        ("unavailable", {(503, "OTSServerUnavailable"), (500, "OTSInternalServerError")}),
        ("drop", {(0, "cut"), (0, "nothing")}),
    ],
)
def test_timeout_unavailable_and_drop_carry_out_about_half_the_requests(
    kind: str, answers: set[tuple[int, str]]
) -> None:
    with faulty(f"{kind}:1") as here:
        assert answers == {status_and_code(here) for _ in range(60)}

    assert 15 < len(here.stub.asked) < 45
    assert {kind} == {entry.fault for entry in here.log}


def test_hang_sends_nothing_until_the_client_disconnects_or_times_out() -> None:
    with faulty("hang:1") as here, here.asking() as client:
        client.settimeout(0.05)
        with pytest.raises(TimeoutError):
            client.recv(1)
        client.shutdown(socket.SHUT_WR)
        client.settimeout(TIMEOUT_S)
        assert b"" == client.recv(1)
    with faulty("hang:1", hang_s=0.05) as here, here.asking() as client:
        assert b"" == client.recv(1)


def test_a_stop_does_not_wait_for_a_request_that_hangs() -> None:
    seed = next(n for n in range(99) if (fault := Faults([HANG], n).draw_fault("GetRow")) and fault.is_carried_out)
    begun = threading.Event()
    with running(Stub(doing=begun.set), faults=Faults([HANG], seed)) as here, here.asking() as client:
        assert begun.wait(TIMEOUT_S)
        here.server.stop()
        assert b"" == client.recv(1)


def test_partial_fails_only_single_rows_of_batches() -> None:
    stub = Stub(rows=300)
    with running(stub, faults=Faults([parse_fault("partial:0.5")])) as here:
        assert (200, "") == status_and_code(here, "BatchWriteRow")
        drawn = Counter(stub.row_faults)
        assert 300 == drawn.total()
        assert all(40 < drawn[fault] < 200 for fault in (None, RowFault.REFUSED, RowFault.LOST))
        stub.row_faults.clear()
        assert (200, "") == status_and_code(here, "PutRow")
        assert {None} == set(stub.row_faults)


def test_a_fault_that_names_an_action_spares_the_others() -> None:
    with faulty("throttle:1:PutRow") as here:
        assert 200 != status_and_code(here, "PutRow")[0]
        assert (200, "") == status_and_code(here, "GetRow")
    faults = Faults([parse_fault("partial:1:BatchWriteRow")])
    assert faults.draw_row_fault("BatchWriteRow") is not None
    assert faults.draw_row_fault("BatchGetRow") is None


def test_faults_apply_only_to_authenticated_requests() -> None:
    with faulty("refuse:1", credentials=AccessKey("some-id", "some-secret")) as here:
        assert 403 == here.ask(request(secret="wrong")).status
        assert 405 == here.ask(b"GET / HTTP/1.1\r\n\r\n").status
        assert 400 == here.ask(post({**signed(ots_headers(x_ots_date="x"), "some-secret")})).status
        assert b"" == here.raw(request(secret="some-secret"))


def test_the_same_seed_repeats_the_same_faults() -> None:
    def run(seed: int) -> list[tuple[int, str]]:
        specs = ("throttle:0.2", "timeout:0.2:PutRow", "drop:0.2")
        with faulty(*specs, seed=seed) as here:
            return [status_and_code(here, draw) for draw in random.Random(1).choices(("PutRow", "GetRow"), k=60)]

    first = run(1)
    assert first == run(1)
    assert first != run(2)
    assert {0, 200, 503} <= {status for status, _ in first}


def test_several_faults_each_keep_their_rate() -> None:
    rates = {"throttle": 0.4, "timeout": 0.3, "drop": 0.2}
    faults = Faults([FaultSpec(kind, rate) for kind, rate in rates.items()], 7)
    found = Counter(fault.kind for fault in (faults.draw_fault("PutRow") for _ in range(10_000)) if fault is not None)
    assert all(abs(found[kind] - rate * 10_000) < 200 for kind, rate in rates.items())

    halves = Faults([FaultSpec("partial", 0.5), FaultSpec("partial", 0.5, "BatchGetRow")])
    assert all(halves.draw_row_fault("BatchGetRow") is not None for _ in range(1000))
    assert 400 < sum(halves.draw_row_fault("BatchWriteRow") is not None for _ in range(1000)) < 600


def test_fault_rates_that_add_up_to_1_hit_every_request() -> None:
    """The rates are fractions whose sum as floats is not exactly 1."""
    faults = Faults([parse_fault(f"{kind}:0.1") for kind in ("refuse", "throttle", "timeout", "hang", "drop") * 2])

    assert None not in [faults.draw_fault("GetRow") for _ in range(1000)]


TOO_OFTEN = {
    ("drop:0.6", "hang:0.5"): "drop and hang",
    ("drop:1", "drop:0.01"): "drop",
    ("drop:0.6", "hang:0.3", "throttle:0.2:PutRow"): "drop, hang and throttle for PutRow",
    ("partial:0.6", "partial:0.5:BatchGetRow"): "partial for BatchGetRow",
    ("drop:0.6", "hang:0.5:PutRow", "throttle:0.3:GetRow"): "drop and hang for PutRow",
}


@pytest.mark.parametrize("specs", TOO_OFTEN)
def test_fault_rates_that_add_up_to_more_than_1_are_refused(specs: tuple[str, ...]) -> None:
    with pytest.raises(InvalidInput, match=f"^the rates of {TOO_OFTEN[specs]} add up to more than 1$"):
        Faults([parse_fault(text) for text in specs])
    Faults([parse_fault(text) for text in ("drop:1:PutRow", "hang:1:GetRow", "partial:1", "partial:0")])


def test_latency_is_added_to_replies_and_errors() -> None:
    with running(latency_ms=20, faults=Faults([parse_fault("throttle:1:PutRow")])) as here:
        assert 200 == status_and_code(here, "GetRow")[0]
        assert 200 != status_and_code(here, "PutRow")[0]
    assert [True, True] == [entry.milliseconds >= 20 for entry in here.log]


@pytest.mark.parametrize("body", [b"", b"the answer"])
def test_drop_cuts_a_reply_at_any_byte_and_clients_notice(body: bytes) -> None:
    """This includes a reply without a body."""
    with running(Stub(body=body), faults=Faults([FaultSpec("drop", 1)])) as here:
        cuts = [here.raw(request()) for _ in range(120)]
        done = len(here.stub.asked)

    heads = [data for data in cuts if data and b"\r\n\r\n" not in data]
    replies = [parse_reply(data) for data in cuts if b"\r\n\r\n" in data]
    assert all(20 < number < 100 for number in (len(heads), len(replies), done, cuts.count(b"")))
    assert len({len(data) for data in heads}) > 10
    assert all(b"HTTP/1.1 200 OK\r\n".startswith(data[:17]) for data in heads)
    assert {200} == {reply.status for reply in replies}
    assert {body[:length] for length in range(len(body) + 1)} >= {reply.body for reply in replies}
    assert len({reply.body for reply in replies}) > len(body) / 2
    assert all(len(reply.body) < int(reply.headers["content-length"]) for reply in replies)
    assert sorted(map(len, cuts)) == sorted(entry.response_bytes for entry in here.log)


def test_a_fault_spec_has_a_kind_a_rate_and_a_served_action() -> None:
    for kind in KINDS:
        assert FaultSpec(kind, 0.25) == parse_fault(f"{kind}:0.25")
        assert FaultSpec(kind, 1.0, "BatchWriteRow") == parse_fault(f"{kind}:1:BatchWriteRow")
    for action in ACTIONS:
        assert action == parse_fault(f"drop:1:{action}").action


MISTAKES = (
    ("", "there is no kind of fault ''", "known: refuse, throttle"),
    ("drop", "the rate of 'drop' is not a number", "a fault is KIND:RATE[:ACTION]"),
    ("drop:often", "the rate of 'drop:often' is not a number", "for example timeout:0.1:PutRow"),
    *(
        (f"drop:{rate}", f"the rate of 'drop:{rate}' is not between 0 and 1", "a fault is")
        for rate in ("nan", 1.1, -0.1)
    ),
    ("drop:1:SQLQuery", "there is no action 'SQLQuery'", "known: CreateTable"),
    ("drop:1:putrow", "there is no action 'putrow'; did you mean 'PutRow'?", "known: CreateTable"),
    ("drop:1:", "there is no action ''", "known: CreateTable"),
    ("partial:1:PutRow", "applies only to BatchWriteRow and BatchGetRow, not to PutRow", "a fault is"),
)


def test_an_invalid_fault_spec_is_refused_with_a_hint() -> None:
    for text, message, hint in MISTAKES:
        with pytest.raises(InvalidInput, match=re.escape(message)) as caught:
            parse_fault(text)
        assert hint in (caught.value.hint or ""), text
