from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tsmem.store import Message
from tsmem.store.listing.excerpt import Excerpt, join_excerpts, select

MESSAGES = [Message("s", f"m{n:02}", n) for n in range(20)]


@given(st.integers(0, 20), st.sets(st.integers(0, 19)), st.integers(0, 4), st.none() | st.integers(1, 5))
def test_selected_messages_come_with_their_neighbours_and_the_rest_is_counted(
    length: int, wanted: set[int], neighbours: int, last: int | None
) -> None:
    messages = MESSAGES[:length]
    found = [n for n in range(length) if n in wanted]
    found = found if last is None else found[-last:]
    excerpt = select(messages, lambda message: message.create_time in wanted, neighbours, last)

    shown = [n for n in range(length) if any(abs(n - each) <= neighbours for each in found)]
    assert shown == [message.create_time for message in excerpt.messages]
    sides = zip([-1, *shown], [*shown, length], strict=True)
    gaps = {position: after - before - 1 for position, (before, after) in enumerate(sides)}
    assert {position: count for position, count in gaps.items() if count and shown} == excerpt.left_out


@given(st.sets(st.integers(0, 19), min_size=1), st.integers(1, 4))
def test_joined_excerpts_are_what_select_returns_without_the_counts(wanted: set[int], neighbours: int) -> None:
    def near(position: int) -> Excerpt:
        start = max(0, position - neighbours - 1)
        return Excerpt(MESSAGES[start : position + neighbours + 2], {}, (position - start,))

    joined = join_excerpts([MESSAGES[n] for n in wanted], [near(n) for n in wanted], neighbours)
    selected = select(MESSAGES, lambda message: message.create_time in wanted, neighbours, None)
    assert joined.messages == selected.messages
    assert joined.left_out.keys() == selected.left_out.keys()
    assert wanted == {joined.messages[position].create_time for position in joined.marked}
