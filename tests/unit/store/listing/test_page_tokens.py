"""Page tokens: what is packed comes back, and nothing else is accepted."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.pages import token_bytes, token_of
from tsmem.errors import InvalidInput
from tsmem.limits import MAX_INTEGER, MIN_INTEGER
from tsmem.store.listing.page_tokens import MAX_TOKEN_LENGTH, Packable, pack_token, unpack_token

DIGEST = b"digest"
VALUES = st.lists(st.integers(MIN_INTEGER, MAX_INTEGER) | st.text() | st.binary(), max_size=6)


def types_of(values: list[Packable]) -> list[type[Any]]:
    return [type(value) for value in values]


@given(VALUES)
def test_values_come_back_with_their_types(values: list[Packable]) -> None:
    token = pack_token(DIGEST, values)

    assert values == list(unpack_token(token, DIGEST, types_of(values)))
    assert re.fullmatch(r"A[A-Za-z0-9_-]+", token)


@given(VALUES, st.data())
def test_a_damaged_token_is_refused_or_is_the_token_of_other_values(
    values: list[Packable], data: st.DataObject
) -> None:
    record = bytearray(token_bytes(pack_token(DIGEST, values)))
    record[data.draw(st.integers(0, len(record) - 1))] ^= data.draw(st.integers(1, 255))
    damaged = token_of(record)
    try:
        others = list(unpack_token(damaged, DIGEST, types_of(values)))
    except InvalidInput:
        return

    assert values != others
    assert damaged == pack_token(DIGEST, others)


@given(VALUES, st.text("ABCabc019-_+/= \n", min_size=1, max_size=3), st.data())
def test_a_token_with_other_letters_is_refused(values: list[Packable], letters: str, data: st.DataObject) -> None:
    token = pack_token(DIGEST, values)
    place = data.draw(st.integers(0, len(token)))
    longer = token[:place] + letters + token[place:]
    shorter = token[: place or 1]
    for wrong in {longer, shorter} - {token}:
        try:
            others = list(unpack_token(wrong, DIGEST, types_of(values)))
        except InvalidInput:
            continue
        assert wrong == pack_token(DIGEST, others)


WRONG: dict[str, tuple[str, list[type[Any]]]] = {
    "an integer of more than 64 bits": (pack_token(DIGEST, [MAX_INTEGER + 1]), [int]),
    "an integer below those of 64 bits": (pack_token(DIGEST, [MIN_INTEGER - 1]), [int]),
    "an integer of many bytes": (pack_token(DIGEST, [1 << 700]), [int]),
    "an integer that is not in its shortest form": (token_of(bytes((2, *DIGEST, 0x80, 0))), [int]),
    "an integer without an end": (token_of(bytes((2, *DIGEST, 0x80))), [int]),
    "a text longer than the token": (token_of(bytes((2, *DIGEST, 5, 65))), [str]),
    "a text that is not UTF-8": (pack_token(DIGEST, [b"\xff"]), [str]),
    "a text with half a surrogate pair": (pack_token(DIGEST, [b"\xed\xa0\x80"]), [str]),
    "a value too many": (pack_token(DIGEST, [1, 2]), [int]),
    "a value too few": (pack_token(DIGEST, []), [int]),
    "spare bits that are set": (pack_token(DIGEST, [1])[:-1] + "h", [int]),
    "padding": (pack_token(DIGEST, [1, 2]) + "=", [int, int]),
    "nothing": ("", []),
    "too much": (pack_token(DIGEST, [b"x" * MAX_TOKEN_LENGTH]), [bytes]),
    "a letter that is not ASCII": ("é", []),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_token_is_damaged_by(what: str) -> None:
    token, types = WRONG[what]
    with pytest.raises(InvalidInput, match="the page token is damaged"):
        unpack_token(token, DIGEST, types)


def test_a_token_of_another_query_or_version_is_refused() -> None:
    token = pack_token(DIGEST, [1])
    with pytest.raises(InvalidInput, match="belongs to another query"):
        unpack_token(token, b"others", [int])
    with pytest.raises(InvalidInput, match="another version") as refused:
        unpack_token(token_of(b"\x01" + token_bytes(token)[1:]), DIGEST, [int])
    assert "start again without a page token" == refused.value.hint
