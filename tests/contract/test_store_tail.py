"""`messages.follow`, which `message tail` uses: each message is given once, however late, at one request a poll."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from random import Random
from typing import Any

import pytest

from tests.support.backends import on_engine
from tests.support.clocks import StagedClock
from tests.support.faults import Fault, FaultyClient
from tests.support.items import load
from tsmem.errors import Denied, InvalidInput, NotFound, Throttled, Unavailable
from tsmem.store import Changes, MemoryStore, Message, Metadata

pytestmark = on_engine
SECOND = 1_000_000
MB = 1024 * 1024


@pytest.fixture
def clock() -> StagedClock:
    """The clock of the store. What happens between two polls is a step of this clock."""
    return StagedClock()


class FollowedSession:
    """Follows the session "s" and keeps the messages that each poll found."""

    def __init__(
        self, store: MemoryStore, *steps: Callable[[], object], listening: bool = False, **options: Any
    ) -> None:
        self.polls: list[list[str]] = [[]]
        self.outages: list[str | None] = []
        clock = store.clock
        assert isinstance(clock, StagedClock)
        clock.steps = [self._recorded(step) for step in steps]
        if listening:
            options["on_unavailable"] = lambda error: self.outages.append(None if error is None else error.message)
        with suppress(KeyboardInterrupt):
            for message in store.messages.follow("s", **options):
                self.polls[-1].append(message.message_id)

    def _recorded(self, step: Callable[[], object]) -> Callable[[], object]:
        def recorded() -> None:
            self.polls.append([])
            step()

        return recorded


def messages_arrive(store: MemoryStore, *ids: str, ago_s: float = 0, **more: Any) -> Callable[[], None]:
    """Return a step in which messages arrive, dated `ago_s` seconds before the clock's time."""

    def step() -> None:
        for message_id in ids:
            store.messages.put(Message("s", message_id, store.clock.now_us() - round(ago_s * SECOND), **more))

    return step


def nothing_happens() -> None:
    """Do nothing between two polls."""


def test_tail_shows_the_last_messages_and_then_new_ones(store: MemoryStore) -> None:
    for n in range(5):
        store.messages.put(Message("s", f"m{n}", n))
    store.messages.put(Message("other", "x", 9))

    found = FollowedSession(
        store,
        messages_arrive(store, "b", "a"),
        nothing_happens,
        messages_arrive(store, "c"),
        lambda: store.messages.put(Message("other", "y", store.clock.now_us())),
        last=2,
    )

    assert [["m3", "m4"], ["a", "b"], [], ["c"], []] == found.polls


@pytest.mark.parametrize("last", [0, 1, 3, 9])
def test_messages_that_existed_before_are_not_new(store: MemoryStore, last: int) -> None:
    """Older messages of the last minute are not given later, and neither are those that were shown first."""
    for n in range(3):
        messages_arrive(store, f"m{n}", ago_s=30 - n)()

    shown = ["m0", "m1", "m2"][3 - min(last, 3) :]
    assert [shown, [], ["new"]] == FollowedSession(
        store, nothing_happens, messages_arrive(store, "new"), last=last
    ).polls


def test_a_late_message_is_found_up_to_a_minute_before_the_latest(store: MemoryStore) -> None:
    """Each is found once. A message dated further back is not new."""
    messages_arrive(store, "first")()

    late = FollowedSession(
        store,
        messages_arrive(store, "second"),
        messages_arrive(store, "late", ago_s=61),  # now the latest message is 2 s old
        messages_arrive(store, "too-late", ago_s=65),
        messages_arrive(store, "third"),
    )

    assert [["first"], ["second"], ["late"], [], ["third"]] == late.polls


def test_deleted_messages_do_not_disturb_tail(store: MemoryStore) -> None:
    for n in range(3):
        messages_arrive(store, f"m{n}", ago_s=3 - n)()
    latest = store.messages.get("s", "m2")

    found = FollowedSession(
        store,
        lambda: store.messages.delete("s", "m2"),
        messages_arrive(store, "after"),
        lambda: store.messages.put(latest),
        lambda: store.messages.purge("s"),
        messages_arrive(store, "again", ago_s=5),
        last=1,
    )

    assert [["m2"], [], ["after"], [], [], ["again"]] == found.polls


def test_a_changed_message_is_not_shown_again(store: MemoryStore) -> None:
    """A message is new by its key, even if a change makes an old message match the filter."""
    messages_arrive(store, "m")()

    found = FollowedSession(
        store,
        lambda: store.messages.update("s", "m", content="changed"),
        lambda: store.messages.update("s", "m", changes=Changes({"vip": True})),
        filter="vip or create_time == 1",
    )

    assert [[], [], []] == found.polls


def test_a_message_from_the_future_hides_no_later_message(store: MemoryStore) -> None:
    messages_arrive(store, "ahead", ago_s=-86_400)()

    found = FollowedSession(
        store,
        messages_arrive(store, "now"),
        messages_arrive(store, "late", ago_s=50),
        nothing_happens,
        messages_arrive(store, "then"),
    )

    assert [["ahead"], ["now"], ["late"], [], ["then"]] == found.polls


def test_a_clock_that_is_set_back_repeats_no_message(store: MemoryStore, clock: StagedClock) -> None:
    """If the latest message is in the future, a poll looks back from the current time, which can jump."""
    for n in range(4):
        messages_arrive(store, f"m{n}", ago_s=120 - 30 * n)()
    messages_arrive(store, "ahead", ago_s=-86_400)()

    def set_back() -> None:
        clock.time_us -= 3600 * SECOND

    assert [["ahead"], [], []] == FollowedSession(store, set_back, nothing_happens, last=1).polls


def test_tail_finds_messages_at_the_smallest_and_largest_times(store: MemoryStore) -> None:
    store.messages.put(Message("s", "first", -(2**63)))

    found = FollowedSession(
        store, lambda: store.messages.put(Message("s", "last", 2**63 - 1)), messages_arrive(store, "between")
    )

    assert [["first"], ["last"], ["between"]] == found.polls


def test_each_message_is_shown_once_whatever_the_order_of_arrival(store: MemoryStore) -> None:
    """Before each of 25 polls up to six messages arrive, up to 59 s late, and some are deleted again. The next poll
    gives each, in order of the keys."""
    draw, expected, keys = Random(7), [list[str]()], dict[str, int]()

    def step() -> None:
        for message_id in draw.sample(sorted(keys), min(len(keys), draw.randrange(3))):
            store.messages.delete("s", message_id, create_time=keys.pop(message_id))
        latest = max((store.clock.now_us(), *keys.values()))
        new = {
            f"{draw.randrange(10**6):06d}": latest - draw.choice([0, 1, draw.randrange(57 * SECOND)])
            for _ in range(draw.randrange(7))
        }
        for message_id, time in new.items():
            store.messages.put(Message("s", message_id, time))
        keys.update(new)
        expected.append(sorted(new, key=lambda message_id: (new[message_id], message_id)))

    assert expected == FollowedSession(store, *[step] * 25).polls


def test_tail_shows_only_matching_roles_and_filters(store: MemoryStore) -> None:
    roles = ["user"] * 250 + ["tool"] * 50
    load(store, [Message("s", f"m{n:03d}", n, role, metadata=Metadata({"n": n})) for n, role in enumerate(roles)])

    found = FollowedSession(
        store,
        messages_arrive(store, "yes", role="user", metadata=Metadata({"n": 99})),
        messages_arrive(store, "no", role="tool", metadata=Metadata({"n": 99})),
        messages_arrive(store, "neither", role="user", metadata=Metadata({"n": 98})),
        last=2,
        role="user",
        filter="n == 99 or n == 5 or n == 299",
    )

    assert [["m005", "m099"], ["yes"], [], []] == found.polls


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"last": -1}, "last messages must be 0 or more"), ({"filter": "("}, "never closed"),
    ({"session_id": ""}, "the session id is empty"),
    *(({"interval_s": seconds}, "interval") for seconds in (0.05, math.nan, math.inf)),
]  # fmt: skip


def test_tail_refuses_invalid_options_before_the_first_request(store: MemoryStore) -> None:
    for options, words in REFUSED:
        with pytest.raises(InvalidInput, match=words):
            store.messages.follow(**{"session_id": "s", **options})


# Costs


def test_each_poll_costs_one_request(store: MemoryStore, faulty: FaultyClient) -> None:
    load(store, [Message("s", f"m{n:04d}", n * 60 * SECOND) for n in range(300)])

    faulty.expect()
    found = FollowedSession(store, nothing_happens, messages_arrive(store, "a", "b"), nothing_happens)

    assert [10, 0, 2, 0] == list(map(len, found.polls))
    assert 4 == faulty.names().count("get_range")
    assert {"get_range", "write_row"} == set(faulty.names())


def test_tail_pauses_for_the_interval_between_polls(store: MemoryStore, clock: StagedClock) -> None:
    clock.pause_s = 0.5
    FollowedSession(store, nothing_happens, nothing_happens, interval_s=0.5)

    assert [0.5] * 3 == clock.slept_s


def test_many_new_messages_are_read_in_pages(store: MemoryStore, faulty: FaultyClient) -> None:
    found = FollowedSession(
        store, messages_arrive(store, *(f"m{n}" for n in range(6)), content="x" * MB), nothing_happens
    )

    assert [[], [f"m{n}" for n in range(6)], []] == found.polls
    assert faulty.names().count("get_range") > 3


def test_a_poll_rereads_at_most_the_last_thousand_messages(store: MemoryStore, clock: StagedClock) -> None:
    scanned: list[int] = []

    def burst() -> None:
        base = clock.now_us()
        load(store, [Message("s", f"m{n:04d}", base + n * 10) for n in range(1500)])
        scanned.append(store.cost.rows_scanned)

    def among() -> None:
        scanned.append(store.cost.rows_scanned)
        base = store.messages.last("s", 1)[0][0].create_time
        store.messages.put(Message("s", "found", base - 15))
        store.messages.put(Message("s", "lost", base - 10_005))

    found = FollowedSession(store, burst, among, lambda: scanned.append(store.cost.rows_scanned), nothing_happens)

    assert [0, 1500, 1, 0, 0] == list(map(len, found.polls))
    assert ["found"] == found.polls[2]
    assert 1500 == scanned[1] - scanned[0]
    assert 1 + 1000 + 1 == scanned[2] - scanned[1]


def test_messages_older_than_the_first_poll_remembers_are_not_new(store: MemoryStore) -> None:
    base = store.clock.now_us()
    load(store, [Message("s", f"m{n:04d}", base + n) for n in range(1300)])

    found = FollowedSession(store, nothing_happens, messages_arrive(store, "new"), last=1150)

    assert [1150, 0, 1] == list(map(len, found.polls))


# Failures


def test_an_outage_and_its_end_are_each_reported_once(store: MemoryStore, faulty: FaultyClient) -> None:
    faults = [Fault("get_range", Throttled("busy") if n == 3 else Unavailable("gone"), call=n) for n in (2, 3, 4, 6)]
    arriving = [messages_arrive(store, f"m{n}") for n in range(6)]

    faulty.expect(*faults)
    found = FollowedSession(store, *arriving, listening=True)

    assert [[], [], [], [], ["m0", "m1", "m2", "m3"], [], ["m4", "m5"]] == found.polls
    assert ["gone", None, "gone", None] == found.outages


def test_tail_waits_for_a_store_that_is_unreachable_at_first(store: MemoryStore, faulty: FaultyClient) -> None:
    messages_arrive(store, "before")()

    faulty.expect(Fault("get_range", Unavailable("gone")))
    found = FollowedSession(store, messages_arrive(store, "after"), listening=True)

    assert [[], ["before", "after"]] == found.polls
    assert ["gone", None] == found.outages


def test_a_poll_that_fails_midway_is_repeated(store: MemoryStore, faulty: FaultyClient) -> None:
    faulty.expect(Fault("get_range", Unavailable("gone"), call=3))
    found = FollowedSession(
        store, messages_arrive(store, *(f"m{n}" for n in range(6)), content="x" * MB), nothing_happens, listening=True
    )

    assert [f"m{n}" for n in range(6)] == [message_id for poll in found.polls for message_id in poll]
    assert 0 < len(found.polls[1]) < 6
    assert ["gone", None] == found.outages


def test_any_other_error_or_an_outage_without_a_listener_ends_tail(store: MemoryStore, faulty: FaultyClient) -> None:
    for error, listening in ((Denied("no"), True), (Unavailable("gone"), False)):
        faulty.expect(Fault("get_range", error, call=2))
        with pytest.raises(type(error)):
            FollowedSession(store, nothing_happens, listening=listening)
    with pytest.raises(NotFound):
        FollowedSession(store, store.tables.drop, listening=True)
