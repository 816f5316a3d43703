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


class Followed:
    """Follows the session "s" and keeps the messages that each poll found."""

    def __init__(
        self, store: MemoryStore, *steps: Callable[[], object], listening: bool = False, **options: Any
    ) -> None:
        self.looks: list[list[str]] = [[]]
        self.trouble: list[str | None] = []
        clock = store.clock
        assert isinstance(clock, StagedClock)
        clock.steps = [self._noting(step) for step in steps]
        if listening:
            options["on_unavailable"] = lambda error: self.trouble.append(None if error is None else error.message)
        with suppress(KeyboardInterrupt):
            for message in store.messages.follow("s", **options):
                self.looks[-1].append(message.message_id)

    def _noting(self, step: Callable[[], object]) -> Callable[[], object]:
        def noted() -> None:
            self.looks.append([])
            step()

        return noted


def putting(store: MemoryStore, *ids: str, ago_s: float = 0, **more: Any) -> Callable[[], None]:
    """Return a step in which messages arrive, dated so many seconds before the clock's time."""

    def step() -> None:
        for message_id in ids:
            store.messages.put(Message("s", message_id, store.clock.now_us() - round(ago_s * SECOND), **more))

    return step


def nothing() -> None:
    """Do nothing between two polls."""


def test_tail_shows_the_last_messages_and_then_new_ones(store: MemoryStore) -> None:
    for n in range(5):
        store.messages.put(Message("s", f"m{n}", n))
    store.messages.put(Message("other", "x", 9))

    found = Followed(
        store,
        putting(store, "b", "a"),
        nothing,
        putting(store, "c"),
        lambda: store.messages.put(Message("other", "y", store.clock.now_us())),
        last=2,
    )

    assert [["m3", "m4"], ["a", "b"], [], ["c"], []] == found.looks


@pytest.mark.parametrize("last", [0, 1, 3, 9])
def test_messages_that_existed_before_are_not_new(store: MemoryStore, last: int) -> None:
    """Older messages of the last minute are not given later, and neither are those that were shown first."""
    for n in range(3):
        putting(store, f"m{n}", ago_s=30 - n)()

    shown = ["m0", "m1", "m2"][3 - min(last, 3) :]
    assert [shown, [], ["new"]] == Followed(store, nothing, putting(store, "new"), last=last).looks


def test_a_late_message_is_found_up_to_a_minute_before_the_latest(store: MemoryStore) -> None:
    """Each is found once. A message dated further back is not new."""
    putting(store, "first")()

    late = Followed(
        store,
        putting(store, "second"),
        putting(store, "late", ago_s=61),  # now the latest message is 2 s old
        putting(store, "too-late", ago_s=65),
        putting(store, "third"),
    )

    assert [["first"], ["second"], ["late"], [], ["third"]] == late.looks


def test_deleted_messages_do_not_disturb_tail(store: MemoryStore) -> None:
    for n in range(3):
        putting(store, f"m{n}", ago_s=3 - n)()
    latest = store.messages.get("s", "m2")

    found = Followed(
        store,
        lambda: store.messages.delete("s", "m2"),
        putting(store, "after"),
        lambda: store.messages.put(latest),
        lambda: store.messages.purge("s"),
        putting(store, "again", ago_s=5),
        last=1,
    )

    assert [["m2"], [], ["after"], [], [], ["again"]] == found.looks


def test_a_changed_message_is_not_shown_again(store: MemoryStore) -> None:
    """A message is new by its key, even if a change makes an old message match the filter."""
    putting(store, "m")()

    found = Followed(
        store,
        lambda: store.messages.update("s", "m", content="changed"),
        lambda: store.messages.update("s", "m", changes=Changes({"vip": True})),
        filter="vip or create_time == 1",
    )

    assert [[], [], []] == found.looks


def test_a_message_from_the_future_hides_no_later_message(store: MemoryStore) -> None:
    putting(store, "ahead", ago_s=-86_400)()

    found = Followed(store, putting(store, "now"), putting(store, "late", ago_s=50), nothing, putting(store, "then"))

    assert [["ahead"], ["now"], ["late"], [], ["then"]] == found.looks


def test_a_clock_that_is_set_back_repeats_no_message(store: MemoryStore, clock: StagedClock) -> None:
    """If the latest message is in the future, a poll looks back from the current time, which can jump."""
    for n in range(4):
        putting(store, f"m{n}", ago_s=120 - 30 * n)()
    putting(store, "ahead", ago_s=-86_400)()

    def set_back() -> None:
        clock.time_us -= 3600 * SECOND

    assert [["ahead"], [], []] == Followed(store, set_back, nothing, last=1).looks


def test_tail_finds_messages_at_the_smallest_and_largest_times(store: MemoryStore) -> None:
    store.messages.put(Message("s", "first", -(2**63)))

    found = Followed(store, lambda: store.messages.put(Message("s", "last", 2**63 - 1)), putting(store, "between"))

    assert [["first"], ["last"], ["between"]] == found.looks


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

    assert expected == Followed(store, *[step] * 25).looks


def test_tail_shows_only_matching_roles_and_filters(store: MemoryStore) -> None:
    roles = ["user"] * 250 + ["tool"] * 50
    load(store, [Message("s", f"m{n:03d}", n, role, metadata=Metadata({"n": n})) for n, role in enumerate(roles)])

    found = Followed(
        store,
        putting(store, "yes", role="user", metadata=Metadata({"n": 99})),
        putting(store, "no", role="tool", metadata=Metadata({"n": 99})),
        putting(store, "neither", role="user", metadata=Metadata({"n": 98})),
        last=2,
        role="user",
        filter="n == 99 or n == 5 or n == 299",
    )

    assert [["m005", "m099"], ["yes"], [], []] == found.looks


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
    found = Followed(store, nothing, putting(store, "a", "b"), nothing)

    assert [10, 0, 2, 0] == list(map(len, found.looks))
    assert 4 == faulty.names().count("get_range")
    assert {"get_range", "write_row"} == set(faulty.names())


def test_tail_pauses_for_the_interval_between_polls(store: MemoryStore, clock: StagedClock) -> None:
    clock.pause_s = 0.5
    Followed(store, nothing, nothing, interval_s=0.5)

    assert [0.5] * 3 == clock.slept_s


def test_many_new_messages_are_read_in_pages(store: MemoryStore, faulty: FaultyClient) -> None:

    found = Followed(store, putting(store, *(f"m{n}" for n in range(6)), content="x" * MB), nothing)

    assert [[], [f"m{n}" for n in range(6)], []] == found.looks
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

    found = Followed(store, burst, among, lambda: scanned.append(store.cost.rows_scanned), nothing)

    assert [0, 1500, 1, 0, 0] == list(map(len, found.looks))
    assert ["found"] == found.looks[2]
    assert 1500 == scanned[1] - scanned[0]
    assert 1 + 1000 + 1 == scanned[2] - scanned[1]


def test_messages_older_than_the_first_poll_remembers_are_not_new(store: MemoryStore) -> None:
    base = store.clock.now_us()
    load(store, [Message("s", f"m{n:04d}", base + n) for n in range(1300)])

    found = Followed(store, nothing, putting(store, "new"), last=1150)

    assert [1150, 0, 1] == list(map(len, found.looks))


# Failures


def test_an_outage_and_its_end_are_each_reported_once(store: MemoryStore, faulty: FaultyClient) -> None:
    faults = [Fault("get_range", Throttled("busy") if n == 3 else Unavailable("gone"), call=n) for n in (2, 3, 4, 6)]
    arriving = [putting(store, f"m{n}") for n in range(6)]

    faulty.expect(*faults)
    found = Followed(store, *arriving, listening=True)

    assert [[], [], [], [], ["m0", "m1", "m2", "m3"], [], ["m4", "m5"]] == found.looks
    assert ["gone", None, "gone", None] == found.trouble


def test_tail_waits_for_a_store_that_is_unreachable_at_first(store: MemoryStore, faulty: FaultyClient) -> None:
    putting(store, "before")()

    faulty.expect(Fault("get_range", Unavailable("gone")))
    found = Followed(store, putting(store, "after"), listening=True)

    assert [[], ["before", "after"]] == found.looks
    assert ["gone", None] == found.trouble


def test_a_poll_that_fails_midway_is_repeated(store: MemoryStore, faulty: FaultyClient) -> None:
    faulty.expect(Fault("get_range", Unavailable("gone"), call=3))
    found = Followed(store, putting(store, *(f"m{n}" for n in range(6)), content="x" * MB), nothing, listening=True)

    assert [f"m{n}" for n in range(6)] == [message_id for look in found.looks for message_id in look]
    assert 0 < len(found.looks[1]) < 6
    assert ["gone", None] == found.trouble


def test_any_other_error_or_an_outage_without_a_listener_ends_tail(store: MemoryStore, faulty: FaultyClient) -> None:
    for error, listening in ((Denied("no"), True), (Unavailable("gone"), False)):
        faulty.expect(Fault("get_range", error, call=2))
        with pytest.raises(type(error)):
            Followed(store, nothing, listening=listening)
    with pytest.raises(NotFound):
        Followed(store, store.tables.drop, listening=True)
