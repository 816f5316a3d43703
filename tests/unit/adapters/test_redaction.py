"""Tracebacks show no key, token or signature."""

from __future__ import annotations

import io
from typing import Any

import pytest

from tests.support.clocks import ManualClock
from tests.support.server_in_process import environ, serving
from tsmem.adapters.redaction import HIDDEN, hide, without_secrets
from tsmem.adapters.tablestore import transport as sdk_transport
from tsmem.adapters.tablestore.transport import CURRENT_ATTEMPT, Transport
from tsmem.cli.app.main import main
from tsmem.cli.io.streams import Streams

SECRETS = {
    "TABLESTORE_ACCESS_KEY_ID": "LTAI5tExampleKeyId",
    "TABLESTORE_ACCESS_KEY_SECRET": "example-secret-4f1c9a",
    "TABLESTORE_SECURITY_TOKEN": "CAISexampleToken0123456789",
}


def debugged(*flags: str, **variables: str) -> str:
    """Return all that a deletion says whose request fails with a bug."""
    stdout, stderr = io.BytesIO(), io.BytesIO()
    with serving(None) as served:
        environment = {**environ(served.endpoint), **variables}
        main([*flags, "session", "delete", "u", "s"], Streams(io.BytesIO(), stdout, stderr), environment, ManualClock())
    return (stdout.getvalue() + stderr.getvalue()).decode()


@pytest.mark.parametrize(
    ("sent", "error", "flags", "region"),
    [
        (False, ValueError, ["--debug"], {}),
        (True, ValueError, [], {"TABLESTORE_REGION": "cn-hangzhou"}),
        (False, AttributeError, [], {}),
        (True, AttributeError, ["--debug"], {"TABLESTORE_REGION": "cn-hangzhou"}),
    ],
)
def test_a_traceback_hides_key_token_and_signature(
    monkeypatch: pytest.MonkeyPatch, sent: bool, error: type[Exception], flags: list[str], region: dict[str, str]
) -> None:
    seen: list[str] = []

    def broken(_: Transport, url: str, headers: dict[str, str], body: bytes) -> Any:
        CURRENT_ATTEMPT.get().sent = sent
        seen.extend(text for name, text in headers.items() if name.startswith("x-ots-signature"))
        raise error(url, headers)

    monkeypatch.setattr(sdk_transport.Transport, "send_receive", broken)
    said = debugged(*flags, **SECRETS, **region)

    assert seen
    assert [] == [secret for secret in (*SECRETS.values(), *seen) if secret in said]
    if flags or (error is AttributeError and not sent):
        assert HIDDEN in said


def test_a_traceback_hides_a_signature_without_its_header(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def broken(*_: object) -> None:
        seen.extend(CURRENT_ATTEMPT.get().signatures)
        raise ValueError(seen[-1])

    monkeypatch.setattr(sdk_transport, "_check_head", broken)
    said = debugged("--debug")

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
def test_authentication_headers_are_hidden_however_they_are_printed(text: str) -> None:
    said = without_secrets(text)

    assert "c2ln" not in said
    assert HIDDEN in said
    assert "now" in said


@pytest.mark.parametrize("quoted", ["s3cr3t%2Bx%2F1", "s3cr3t%2bx%2f1"])
def test_a_percent_encoded_secret_is_hidden(quoted: str) -> None:
    assert f"https://h/?k={HIDDEN}" == without_secrets(f"https://h/?k={quoted}", ["s3cr3t+x/1"])


def test_a_secret_is_hidden_in_its_repr_and_short_words_are_not() -> None:
    hide(["quote'back\\slash-secret", "key", None])

    assert HIDDEN == without_secrets("quote'back\\slash-secret")
    assert "quote" not in without_secrets(repr(["quote'back\\slash-secret"]))
    assert "a key of a table" == without_secrets("a key of a table")
