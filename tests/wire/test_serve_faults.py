"""Faults on demand: what each does to the client, that a seed repeats them, and what a mistaken SPEC is told."""

from __future__ import annotations

import random
import socket
import threading
from collections import Counter
from typing import Any

import pytest

from tests.wire.raw_http import Running, Stub, ots_headers, post, request, running, signed, taken_apart
from tsmem.errors import InvalidInput
from tsmem.server.actions import RowFault
from tsmem.server.dispatch import ACTIONS
from tsmem.server.http.auth import AccessKey
from tsmem.server.http.faults import KINDS, Fault, Faults, FaultSpec, parse_fault


def struck(*specs: str, seed: int = 0, **settings: Any) -> Any:
    """A server with these faults."""
    return running(faults=Faults([parse_fault(text) for text in specs], seed), **settings)


def asked(here: Running, action: str = "PutRow") -> tuple[int, str]:
    """Status and code of an answer; 0 for none, or for a part of one."""
    data = here.raw(request(action=action))
    head, end, body = data.partition(b"\r\n\r\n")
    if not end or len(body) != int(taken_apart(data).headers["content-length"]):
        return 0, "cut" if head else "nothing"
    reply = taken_apart(data)
    return reply.status, "" if reply.status == 200 else reply.error[0]


def test_refuse_closes_the_connection_before_anything_is_done() -> None:
    """No byte comes back; the log says why."""
    with struck("refuse:1") as here:
        assert (0, "nothing") == asked(here)

    assert [] == here.stub.asked
    assert [(0, "refuse", "PutRow")] == [(entry.status, entry.fault, entry.action) for entry in here.log]


def test_throttle_is_never_done() -> None:
    """OTSServerBusy mostly, and its like; each is one that every SDK repeats."""
    with struck("throttle:1") as here:
        answers = Counter(asked(here) for _ in range(60))

    assert [] == here.stub.asked
    assert {
        (503, "OTSServerBusy"),
        (503, "OTSPartitionUnavailable"),
        (403, "OTSNotEnoughCapacityUnit"),
        (409, "OTSRowOperationConflict"),
    } == set(answers)


@pytest.mark.parametrize(
    ("kind", "answers"),
    [
        ("timeout", {(503, "OTSTimeout")}),
        ("unavailable", {(503, "OTSServerUnavailable"), (500, "OTSInternalServerError")}),
        ("drop", {(0, "cut"), (0, "nothing")}),
    ],
)
def test_some_faults_leave_it_open_whether_it_was_done(kind: str, answers: set[tuple[int, str]]) -> None:
    """About half the time it was; the client cannot tell which."""
    with struck(f"{kind}:1") as here:
        assert answers == {asked(here) for _ in range(60)}

    assert 15 < len(here.stub.asked) < 45
    assert {kind} == {entry.fault for entry in here.log}


def test_hang_answers_nothing_until_the_client_goes_away() -> None:
    """Or until its time is up."""
    with struck("hang:1") as here, here.connect() as client:
        client.sendall(request())
        client.settimeout(0.05)
        with pytest.raises(TimeoutError):
            client.recv(1)
        client.shutdown(socket.SHUT_WR)
        client.settimeout(20)
        assert b"" == client.recv(1)
    with struck("hang:1", hang_s=0.05) as here, here.connect() as client:
        client.sendall(request())
        assert b"" == client.recv(1)


def test_a_stop_does_not_wait_for_what_hangs() -> None:
    """It is no request in hand."""
    seed = next(seed for seed in range(99) if struck_first(seed).done)
    begun = threading.Event()
    with running(Stub(doing=begun.set), faults=Faults([FaultSpec("hang", 1)], seed)) as here, here.connect() as client:
        client.sendall(request())
        assert begun.wait(20)
        here.server.stop()
        assert b"" == client.recv(1)


def struck_first(seed: int) -> Fault:
    """What happens to the first request."""
    fault = Faults([FaultSpec("hang", 1)], seed).strike("GetRow")
    assert fault is not None
    return fault


def test_partial_strikes_rows_of_batches() -> None:
    """Each row by itself, refused or lost; no other action."""
    stub = Stub(rows=300)
    with running(stub, faults=Faults([parse_fault("partial:0.5")])) as here:
        assert (200, "") == asked(here, "BatchWriteRow")
        drawn = Counter(stub.row_faults)
        assert 300 == drawn.total()
        assert all(40 < drawn[fault] < 200 for fault in (None, RowFault.REFUSED, RowFault.LOST))
        stub.row_faults.clear()
        assert (200, "") == asked(here, "PutRow")
        assert {None} == set(stub.row_faults)


def test_partial_strikes_one_kind_of_batch_where_it_is_named() -> None:
    """BatchGetRow is left alone by a fault of BatchWriteRow."""
    faults = Faults([parse_fault("partial:1:BatchWriteRow")])

    assert faults.row_fault("BatchWriteRow")() is not None
    assert faults.row_fault("BatchGetRow")() is None


def test_a_fault_strikes_the_action_that_it_names() -> None:
    """And no other."""
    with struck("throttle:1:PutRow") as here:
        assert 200 != asked(here, "PutRow")[0]
        assert (200, "") == asked(here, "GetRow")


def test_faults_strike_only_who_may_come_in() -> None:
    """A wrong signature is refused as ever, and draws nothing."""
    with struck("refuse:1", credentials=AccessKey("some-id", "some-secret")) as here:
        assert 403 == here.ask(request(secret="wrong")).status
        assert 405 == here.ask(b"GET / HTTP/1.1\r\n\r\n").status
        assert 400 == here.ask(post({**signed(ots_headers(x_ots_date="x"), "some-secret")})).status
        assert b"" == here.raw(request(secret="some-secret"))


def test_what_was_not_done_is_logged_with_its_table() -> None:
    """A request that a fault refused is one about a table all the same."""
    with struck("throttle:1") as here:
        here.ask(request(b"notes", action="PutRow"))

    assert ["notes"] == [entry.table for entry in here.log]


def test_faults_may_name_what_is_served_and_nothing_else() -> None:
    """The actions of faults are those that the dispatcher answers."""
    for action in ACTIONS:
        assert action == parse_fault(f"drop:1:{action}").action
    assert {"AddDefinedColumn", "DescribeSearchIndex", "BatchGetRow", "Search", "ParallelScan"} <= set(ACTIONS)
    for action in ("SQLQuery", "StartLocalTransaction", "UpdateSearchIndex"):
        with pytest.raises(InvalidInput, match=f"there is no action '{action}'"):
            parse_fault(f"drop:1:{action}")


def test_a_seed_repeats_the_faults() -> None:
    """The same requests in the same order meet the same faults; another seed, others."""

    def run(seed: int) -> list[tuple[int, str]]:
        specs = ("throttle:0.2", "timeout:0.2:PutRow", "drop:0.2")
        with struck(*specs, seed=seed) as here:
            return [asked(here, draw) for draw in random.Random(1).choices(("PutRow", "GetRow"), k=60)]

    first = run(1)
    assert first == run(1)
    assert first != run(2)
    assert {0, 200, 503} <= {status for status, _ in first}


def test_a_rate_is_kept() -> None:
    """A tenth of ten thousand, within what chance allows; none at 0, all at 1."""
    faults = Faults([FaultSpec("throttle", 0.1)], 7)

    assert 900 < sum(faults.strike("PutRow") is not None for _ in range(10_000)) < 1100
    assert Faults([FaultSpec("throttle", 0.0)]).strike("PutRow") is None
    assert Faults([FaultSpec("throttle", 1.0)]).strike("PutRow") is not None


def test_every_one_of_several_rates_is_kept() -> None:
    """Each kind strikes as often as it says, whichever stands before it; so do the rows of a batch."""
    rates = {"throttle": 0.4, "timeout": 0.3, "drop": 0.2}
    faults = Faults([FaultSpec(kind, rate) for kind, rate in rates.items()], 7)
    found = Counter(fault.kind for fault in (faults.strike("PutRow") for _ in range(10_000)) if fault is not None)
    assert all(abs(found[kind] - rate * 10_000) < 200 for kind, rate in rates.items())

    halves = Faults([FaultSpec("partial", 0.5), FaultSpec("partial", 0.5, "BatchGetRow")])
    assert all(halves.row_fault("BatchGetRow")() is not None for _ in range(1000))
    assert 400 < sum(halves.row_fault("BatchWriteRow")() is not None for _ in range(1000)) < 600


def test_rates_of_all_kinds_may_be_one_together() -> None:
    """Then every request is struck, also where the sum of the fractions is not exactly 1."""
    faults = Faults([parse_fault(f"{kind}:0.1") for kind in ("refuse", "throttle", "timeout", "hang", "drop") * 2])

    assert None not in [faults.strike("GetRow") for _ in range(1000)]


@pytest.mark.parametrize(
    ("specs", "said"),
    [
        (("drop:0.6", "hang:0.5"), "the rates of drop and hang are more than 1 together"),
        (("drop:1", "drop:0.01"), "the rates of drop are more than 1 together"),
        (("drop:0.6", "hang:0.3", "throttle:0.2:PutRow"),
         "the rates of drop, hang and throttle for PutRow are more than 1 together"),
        (("partial:0.6", "partial:0.5:BatchGetRow"), "the rates of partial for BatchGetRow are more than 1 together"),
        (("drop:0.6", "hang:0.5:PutRow", "throttle:0.3:GetRow"),
         "the rates of drop and hang for PutRow are more than 1 together"),
    ],
)  # fmt: skip
def test_rates_of_more_than_one_are_refused(specs: tuple[str, ...], said: str) -> None:
    """One request meets one fault: what strikes more often than always cannot keep its rate."""
    with pytest.raises(InvalidInput, match=f"^{said}$"):
        Faults([parse_fault(text) for text in specs])
    Faults([parse_fault(text) for text in ("drop:1:PutRow", "hang:1:GetRow", "partial:1", "partial:0")])


def test_latency_is_added_to_every_answer() -> None:
    """Errors included."""
    with running(latency_ms=20, faults=Faults([parse_fault("throttle:1:PutRow")])) as here:
        assert 200 == asked(here, "GetRow")[0]
        assert 200 != asked(here, "PutRow")[0]
    assert [True, True] == [entry.milliseconds >= 20 for entry in here.log]


@pytest.mark.parametrize("body", [b"", b"the answer"])
def test_an_answer_is_cut_anywhere_and_never_taken_for_whole(body: bytes) -> None:
    """Before its first byte, within its head, within its body: the head promises more than comes, also where the whole
    answer has no body. What was done and what was not is cut alike."""
    with running(Stub(body=body), faults=Faults([FaultSpec("drop", 1)])) as here:
        cuts = [here.raw(request()) for _ in range(120)]
        done = len(here.stub.asked)

    heads = [data for data in cuts if data and b"\r\n\r\n" not in data]
    replies = [taken_apart(data) for data in cuts if b"\r\n\r\n" in data]
    assert all(20 < number < 100 for number in (len(heads), len(replies), done, cuts.count(b"")))
    assert len({len(data) for data in heads}) > 10
    assert all(b"HTTP/1.1 200 OK\r\n".startswith(data[:17]) for data in heads)
    assert {200} == {reply.status for reply in replies}
    assert {body[:length] for length in range(len(body) + 1)} >= {reply.body for reply in replies}
    assert len({reply.body for reply in replies}) > len(body) / 2
    assert all(len(reply.body) < int(reply.headers["content-length"]) for reply in replies)
    assert sorted(map(len, cuts)) == sorted(entry.response_bytes for entry in here.log)


@pytest.mark.parametrize("kind", KINDS)
def test_a_spec_is_kind_rate_and_perhaps_action(kind: str) -> None:
    """Every kind that is documented can be asked for."""
    assert FaultSpec(kind, 0.25) == parse_fault(f"{kind}:0.25")
    assert FaultSpec(kind, 1.0, "BatchWriteRow") == parse_fault(f"{kind}:1:BatchWriteRow")


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("", "there is no kind of fault ''", "known are refuse, throttle"),
        ("throtle:0.1", "there is no kind of fault 'throtle'", "did you mean throttle?"),
        ("Timeout:0.1", "there is no kind of fault 'Timeout'", "did you mean timeout?"),
        ("xyzzy:1", "there is no kind of fault 'xyzzy'", "known are refuse, throttle"),
        ("drop", "the rate of 'drop' is not a number", "a fault is KIND:RATE[:ACTION]"),
        ("drop:", "the rate of 'drop:' is not a number", "for example timeout:0.1:PutRow"),
        ("drop:often", "the rate of 'drop:often' is not a number", "a fault is"),
        ("drop:nan", "the rate of 'drop:nan' is not between 0 and 1", "a fault is"),
        ("drop:1.1", "the rate of 'drop:1.1' is not between 0 and 1", "a fault is"),
        ("drop:-0.1", "the rate of 'drop:-0.1' is not between 0 and 1", "a fault is"),
        ("drop:1:putrow", "there is no action 'putrow'", "did you mean PutRow?"),
        ("drop:1:", "there is no action ''", "known are CreateTable"),
        ("partial:1:PutRow", "rows fail in batches alone", "BatchWriteRow"),
    ],
)
def test_a_mistaken_spec_is_told_what_was_meant(text: str, message: str, hint: str) -> None:
    """The nearest word, and an example."""
    with pytest.raises(InvalidInput) as caught:
        parse_fault(text)
    assert message in caught.value.message
    assert hint in (caught.value.hint or "")
