"""Redaction of keys, tokens and signatures in tracebacks and other texts."""

from __future__ import annotations

import io

import pytest

from tests.support.clocks import ManualClock
from tests.support.server_in_process import environ, serving
from tsmem.adapters.redaction import HIDDEN, hide, without_secrets
from tsmem.adapters.tablestore import transport as sdk_transport
from tsmem.adapters.tablestore.transport import CURRENT_ATTEMPT
from tsmem.cli.app.main import main
from tsmem.cli.io.streams import Streams


def test_a_traceback_hides_a_signature_without_its_header(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def broken(*_: object, **__: object) -> None:
        seen.extend(CURRENT_ATTEMPT.get().signatures)
        raise ValueError(seen[-1])

    monkeypatch.setattr(sdk_transport, "_check_headers", broken)
    streams = Streams(io.BytesIO(), io.BytesIO(), stderr := io.BytesIO())
    with serving(None) as served:
        main(["--debug", "session", "delete", "u", "s"], streams, environ(served.endpoint), ManualClock())
    said = stderr.getvalue().decode()

    assert f"ValueError: {HIDDEN}" in said
    assert [] == [signature for signature in seen if signature in said]


@pytest.mark.parametrize(
    "text",
    [
        "{'x-ots-signature': 'c2ln+bmF0=', 'x-ots-date': 'now'}",
        '{"x-ots-signaturev4": "c2ln+bmF0=", "x-ots-date": "now"}',
        "('x-ots-ststoken', 'c2ln+bmF0=') now",
        "x-ots-accesskeyid: c2ln+bmF0=\r\nx-ots-date: now",
        "ValueError(\"{\\'x-ots-signature\\': \\'c2ln+bmF0=\\', \\'x\\': \\'now\\'}\")",
    ],
)
def test_authentication_headers_are_hidden_in_every_printed_form(text: str) -> None:
    said = without_secrets(text)

    assert "c2ln" not in said
    assert HIDDEN in said
    assert "now" in said


@pytest.mark.parametrize("quoted", ["s3cr3t%2Bx%2F1", "s3cr3t%2bx%2f1"])
def test_a_percent_encoded_secret_is_hidden(quoted: str) -> None:
    assert f"https://h/?k={HIDDEN}" == without_secrets(f"https://h/?k={quoted}", ["s3cr3t+x/1"])


def test_the_repr_of_a_secret_is_hidden_and_short_words_are_not() -> None:
    hide(["quote'back\\slash-secret", "key", None])

    assert HIDDEN == without_secrets("quote'back\\slash-secret")
    assert "quote" not in without_secrets(repr(["quote'back\\slash-secret"]))
    assert "a key of a table" == without_secrets("a key of a table")
