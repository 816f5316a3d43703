"""Items as JSON, there and back."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsmem.errors import InvalidInput
from tsmem.limits import MAX_INTEGER, MIN_INTEGER
from tsmem.store.documents import dumps, export_line, item_document, item_from_document, loads
from tsmem.store.metadata import Metadata
from tsmem.store.model import Message, Session

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
INTEGERS = st.integers(MIN_INTEGER, MAX_INTEGER)
NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,20}", fullmatch=True)
VALUES = TEXT | INTEGERS | st.floats(allow_nan=False, allow_infinity=False) | st.booleans() | st.binary()
METADATA = st.dictionaries(NAMES, VALUES, max_size=5).map(Metadata)
OPTIONAL = st.none() | TEXT
SESSIONS = st.builds(Session, TEXT, TEXT, st.none() | INTEGERS, OPTIONAL, METADATA)
MESSAGES = st.builds(Message, TEXT, TEXT, INTEGERS, OPTIONAL, OPTIONAL, OPTIONAL, METADATA)
KEY = {"session_id": "s", "message_id": "m", "create_time": 0}


@settings(deadline=None)
@given(SESSIONS | MESSAGES)
def test_a_line_of_an_export_reads_back_as_the_same_item(item: Session | Message) -> None:
    """What is exported is imported bit for bit and type for type: -0.0, 5.0 and 5, bytes and text stay apart."""
    line = export_line(item)

    assert line.endswith(b"\n")
    assert b"\n" not in line[:-1]
    back = item_from_document(loads(line))
    assert back == item
    assert repr(back) == repr(item)


def test_documents_have_every_key_in_the_documented_order() -> None:
    """Absent fields are null, and no key is ever left out."""
    assert export_line(Session("u1", "s1", metadata=Metadata({"topic": "billing"}))) == (
        b'{"kind": "session", "user_id": "u1", "session_id": "s1", "update_time": null, "search_content": null, '
        b'"metadata": {"topic": "billing"}}\n'
    )
    assert export_line(Message("s1", "m1", 1, "user", "hi")) == (
        b'{"kind": "message", "session_id": "s1", "message_id": "m1", "create_time": 1, "role": "user", '
        b'"content": "hi", "search_content": null, "metadata": {}}\n'
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [(5, "5"), (5.0, "5.0"), (1e16, "1e+16"), (1e308, "1e+308"), (-0.0, "-0.0"), (True, "true"), (0.1, "0.1")],
)
def test_numbers_keep_their_type(value: object, text: str) -> None:
    """A float is written so that it reads back as a float."""
    assert dumps(value) == text
    assert repr(loads(text)) == repr(value)


@pytest.mark.parametrize("character", ["\x7f", "\x9b", "\u202e", "\u2066", "\u2028", "\u200f", "\ud800", "\x1b", "\0"])
def test_what_a_terminal_would_obey_is_escaped(character: str) -> None:
    """JSON escapes C1 controls, DEL, bidi controls, line separators and lone surrogates, beside what it must."""
    assert dumps(character) == f'"\\u{ord(character):04x}"'
    assert json.loads(dumps(character)) == character


def test_other_text_is_not_escaped() -> None:
    """Text is UTF-8, not ASCII with escapes."""
    assert dumps({"a": "退款 é 👩‍👧"}) == '{"a": "退款 é 👩‍👧"}'


def test_bytes_are_base64() -> None:
    """Bytes are an object with one key that no column could have."""
    assert item_document(Session("u", "s", metadata=Metadata({"raw": b"\0\xff"})))["metadata"] == {
        "raw": {"$bytes": "AP8="}
    }


def test_fields_that_may_be_null_may_be_left_out() -> None:
    """A hand-written record needs its key only, and no kind."""
    assert item_from_document(KEY) == Message("s", "m", 0)
    assert item_from_document({"user_id": "u", "session_id": "s"}) == Session("u", "s")


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        ([], "a session or message must be an object, not a list"),
        ({}, "neither a session (it would have a user_id) nor a message (a message_id)"),
        ({"kind": "tsmem"}, 'kind is \'tsmem\'; only "session" and "message" are known'),
        ({**KEY, "user_id": "u"}, "'user_id' is no field of a message"),
        ({"message_id": "m", "create_time": 0}, "session_id is missing; every message has one"),
        ({**KEY, "create_time": None}, "create_time is null; every message has one"),
        ({**KEY, "create_time": 1.0}, "create_time is a number; it must be an integer"),
        ({**KEY, "create_time": True}, "create_time is a boolean; it must be an integer"),
        ({**KEY, "create_time": 2**63}, "create_time does not fit in 64 bits"),
        ({**KEY, "content": 5}, "content is a number; it must be text"),
        ({**KEY, "content": "\ud800"}, "content holds a lone surrogate"),
        ({**KEY, "metadata": []}, "metadata is a list; it must be an object"),
        ({**KEY, "metadata": {"topic": []}}, "metadata.topic is a list; only text, numbers, booleans and bytes"),
        ({**KEY, "metadata": {"topic": None}}, "metadata.topic is null; only text, numbers, booleans and bytes"),
        ({**KEY, "metadata": {"topic": {"a": 1}}}, "metadata.topic is an object; only text"),
        ({**KEY, "metadata": {"x": {"$bytes": "AA"}}}, "metadata.x is not valid base64"),
        ({**KEY, "metadata": {"x": {"$bytes": "AA==", "y": 1}}}, "metadata.x is an object"),
        ({**KEY, "metadata": {"x": 2**63}}, "metadata.x does not fit in 64 bits"),
        ({**KEY, "metadata": {"x": float("inf")}}, "metadata.x is not a finite number"),
        ({**KEY, "metadata": {"#x": 1}}, "'#x' cannot be a metadata key"),
    ],
)
def test_what_does_not_fit_is_refused_with_a_sentence(document: object, sentence: str) -> None:
    """Import guesses at nothing: each refusal says which value, what it is, and what it must be."""
    with pytest.raises(InvalidInput) as caught:
        item_from_document(document)

    assert sentence in caught.value.message


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('{"a": NaN}', "NaN is not a JSON number"),
        ("-Infinity", "-Infinity is not a JSON number"),
        ('{"a": 1, "a": 2}', 'the key "a" is given twice'),
        (b'"\xff"', "not valid UTF-8 at byte 2"),
        ("[" * 100_000, "nested too deeply"),
        ("1" * 5000, "a number has more than 4,300 digits"),
        ("{", "not valid JSON"),
    ],
)
def test_what_is_not_json_to_the_letter_is_refused(text: str | bytes, sentence: str) -> None:
    """Python's JSON reader forgives more than JSON allows; this one does not, and raises nothing else."""
    with pytest.raises(InvalidInput) as caught:
        loads(text)

    assert sentence in caught.value.message
