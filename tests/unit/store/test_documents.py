"""Conversion of sessions and messages to JSON and back."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsmem.errors import InvalidInput
from tsmem.limits import MAX_INTEGER, MIN_INTEGER
from tsmem.store.documents import decode_json, encode_json, export_line, item_from_document
from tsmem.store.metadata import Metadata
from tsmem.store.model import Message, Session

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
INTEGERS = st.integers(MIN_INTEGER, MAX_INTEGER)
NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,20}", fullmatch=True) | st.sampled_from(["a\n", "价格", "$bytes"])
VALUES = TEXT | INTEGERS | st.floats(allow_nan=False, allow_infinity=False) | st.booleans() | st.binary()
METADATA = st.dictionaries(NAMES, VALUES, max_size=5).map(Metadata)
OPTIONAL = st.none() | TEXT
SESSIONS = st.builds(Session, TEXT, TEXT, st.none() | INTEGERS, OPTIONAL, METADATA)
MESSAGES = st.builds(Message, TEXT, TEXT, INTEGERS, OPTIONAL, OPTIONAL, OPTIONAL, METADATA)
KEY = {"session_id": "s", "message_id": "m", "create_time": 0}


@settings(max_examples=40)
@given(SESSIONS | MESSAGES)
def test_an_exported_line_reads_back_as_the_same_item(item: Session | Message) -> None:
    """Values keep their type and sign: -0.0, 5.0 and 5, bytes and text stay distinct."""
    line = export_line(item)

    assert line.endswith(b"\n")
    assert b"\n" not in line[:-1]
    back = item_from_document(decode_json(line))
    assert back == item
    assert repr(back) == repr(item)


@pytest.mark.parametrize("character", ["\x7f", "\x9b", "\u202e", "\u2066", "\u2028", "\u200f", "\ud800", "\x1b", "\0"])
def test_json_escapes_terminal_and_bidi_controls(character: str) -> None:
    assert encode_json(character) == f'"\\u{ord(character):04x}"'
    assert json.loads(encode_json(character)) == character


def test_json_leaves_all_other_text_unescaped() -> None:
    assert encode_json({"a": "退款 é 👩‍👧"}) == '{"a": "退款 é 👩‍👧"}'


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        ([], "a session or message must be an object, not a list"),
        ({**KEY, "create_time": 1.0}, "create_time is a number; it must be an integer"),
        ({**KEY, "create_time": True}, "create_time is a boolean; it must be an integer"),
        ({**KEY, "content": "\ud800"}, "content holds a lone surrogate at character 0"),
        ({**KEY, "metadata": {"x": {"$bytes": "AA==", "y": 1}}}, "metadata.x is an object"),
    ],
)
def test_a_document_that_is_not_an_item_is_refused(document: object, sentence: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        item_from_document(document)

    assert sentence in caught.value.message
