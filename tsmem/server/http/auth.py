"""Signatures: whether a request may come in, and how its answer is signed so that the client believes it.

Its one rule: with a key every request proves that it has the secret. Without one any key is taken; but the Python and
Java SDKs believe an answer only when it is signed with the secret that they have, which never travels. So a client of a
keyless server takes the secret `tsmem`, or the access key id itself for a secret: a request signed with one of these
gets its answer signed likewise. Any other is answered too, which is enough for the Go and Node.js SDKs: they check no
answer.

    V2   HMAC-SHA1 with the secret, over path, method, and every `x-ots-*` header; no query, which `http` refuses
    V4   HMAC-SHA256 with a key derived from the secret, a date and a region, over the same and the word `ots`
    answer   HMAC-SHA1 with the request's key, over the answer's `x-ots-*` headers and the path

Source: the SDKs (Python `auth.py`, Go `ots_header.go`, Node.js `signer.js`).
"""

from __future__ import annotations

import hmac
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from tsmem.clock import Clock
from tsmem.errors import TsmemError, from_service
from tsmem.server.http.messages import Head, content_md5

KEYLESS_SECRET = b"tsmem"
"""What clients of a server without a key sign with."""
API_VERSION = "2015-12-31"
MAX_SKEW_S = 15 * 60
REQUIRED = ("x-ots-date", "x-ots-apiversion", "x-ots-accesskeyid", "x-ots-instancename", "x-ots-contentmd5")
_V2, _V4 = "x-ots-signature", "x-ots-signaturev4"
_DATE = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d*)?Z", re.ASCII)


@dataclass(frozen=True)
class AccessKey:
    """The one key that a server takes."""

    access_key_id: str
    secret: str = field(repr=False)
    """In no message and no repr."""


class Identity(NamedTuple):
    """Who asked, and how the answer is signed."""

    access_key_id: str
    key: bytes
    """What the request was signed with: the secret, or what V4 derives from it."""
    path: str
    """The path that was signed."""
    believed: bool = True
    """Whether the request's signature is right by a secret that this server knows."""

    def __repr__(self) -> str:
        return f"Identity({self.access_key_id!r})"

    def authorization(self, headers: Mapping[str, str]) -> str:
        """The header Authorization of an answer with these `x-ots-*` headers."""
        lines = sorted(f"{name}:{value}" for name, value in headers.items())
        signature = hmac.digest(self.key, "\n".join([*lines, self.path]).encode("latin-1"), "sha1")
        return f"OTS {self.access_key_id}:{b64encode(signature).decode()}"


class Authenticator:
    """Decides who comes in."""

    def __init__(self, credentials: AccessKey | None, instance: str | None, clock: Clock) -> None:
        self._credentials = credentials
        self._instance = instance
        self._clock = clock

    def admit(self, head: Head) -> Identity:
        """Who sent this. Raises what the service says of a request that it does not take."""
        headers = head.headers
        version = _V4 if _V4 in headers else _V2
        needed = (*REQUIRED, version) if version == _V2 else (*REQUIRED, "x-ots-signdate", "x-ots-signregion", version)
        for name in needed:
            if not headers.get(name):
                raise from_service("OTSParameterInvalid", f"Missing header: '{name}'.")
        if headers["x-ots-apiversion"] != API_VERSION:
            raise from_service("OTSParameterInvalid", f"Unsupported API version: {headers['x-ots-apiversion']}.")
        date = self._date(headers["x-ots-date"])
        if version == _V4:
            _check_sign_date(headers["x-ots-signdate"], date)
        if self._instance is not None and headers["x-ots-instancename"] != self._instance:
            raise _refused("The instance is not found.")
        return self._identify(head, version)

    def _date(self, text: str) -> datetime:
        """When a request was made, if that is near enough to now."""
        match = _DATE.fullmatch(text)
        try:
            date = None if match is None else datetime.fromisoformat(match[1])
        except ValueError:
            date = None
        if date is None:
            raise from_service("OTSParameterInvalid", f"Invalid date format: {text}.")
        if abs(date.replace(tzinfo=UTC).timestamp() - self._clock.now_us() / 1e6) > MAX_SKEW_S:
            raise _refused(f"Mismatch between system time and x-ots-date: {text}.")
        return date

    def _identify(self, head: Head, version: str) -> Identity:
        key_id = head.headers["x-ots-accesskeyid"]
        if self._credentials is None:
            secrets: tuple[bytes, ...] = (KEYLESS_SECRET, _bytes(key_id))
        elif _same(key_id, self._credentials.access_key_id):
            secrets = (self._credentials.secret.encode("utf-8", "surrogateescape"),)
        else:
            raise _refused("The AccessKeyID does not exist.")
        for secret in secrets:
            key = _signing_key(secret, head.headers, version)
            for path, text in _signed_texts(head):
                if _same(_signature(key, text, version), head.headers[version]):
                    return Identity(key_id, key, path)
        if self._credentials is not None:
            raise _refused("Signature mismatch.")
        return Identity(key_id, _signing_key(KEYLESS_SECRET, head.headers, version), f"/{head.action}", believed=False)


def check_digest(head: Head, body: bytes) -> None:
    """Refuse a body that is not the one that was signed. Raises Denied."""
    if not _same(content_md5(body), head.headers["x-ots-contentmd5"]):
        raise _refused("Mismatch between MD5 value of request body and x-ots-contentmd5 in header.")


def _signed_texts(head: Head) -> Iterator[tuple[str, str]]:
    """What may have been signed, with the path in it: SDKs leave out what an endpoint has before the action, or do not;
    and they sort the headers by line, or by name."""
    lines = [
        (name, f"{name}:{value}")
        for name, value in head.headers.items()
        if name.startswith("x-ots-") and name not in (_V2, _V4)
    ]
    by_line, by_name = sorted(line for _, line in lines), [line for _, line in sorted(lines)]
    for path in dict.fromkeys((f"/{head.action}", head.path)):
        for order in (by_line,) if by_line == by_name else (by_line, by_name):
            yield path, "\n".join([path, "POST", "", *order, ""])


def _check_sign_date(text: str, date: datetime) -> None:
    """Refuse a V4 key of another day: it would be good for ever. A client's day may be that of its own time zone."""
    days = (date + timedelta(days=days) for days in (-1, 0, 1))
    if text not in (day.strftime("%Y%m%d") for day in days):
        raise _refused("Signature mismatch: x-ots-signdate is not the date of x-ots-date.")


def _signing_key(secret: bytes, headers: Mapping[str, str], version: str) -> bytes:
    if version == _V2:
        return secret
    key = b"aliyun_v4" + secret
    for part in (headers["x-ots-signdate"], headers["x-ots-signregion"], "ots", "aliyun_v4_request"):
        key = hmac.digest(key, _bytes(part), "sha256")
    return b64encode(key)


def _signature(key: bytes, text: str, version: str) -> str:
    if version == _V2:
        return b64encode(hmac.digest(key, _bytes(text), "sha1")).decode()
    return b64encode(hmac.digest(key, _bytes(text) + b"ots", "sha256")).decode()


def _bytes(text: str) -> bytes:
    """A header's own bytes."""
    return text.encode("latin-1")


def _same(ours: str, theirs: str) -> bool:
    """Whether they are equal, in a time that says nothing of where they differ."""
    return hmac.compare_digest(ours.encode("utf-8", "surrogateescape"), _bytes(theirs))


def _refused(message: str) -> TsmemError:
    return from_service("OTSAuthFailed", message)
