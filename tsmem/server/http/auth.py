"""Checks the signatures of requests, and signs responses.

    request, V2   HMAC-SHA1 with the secret, over the path, the method and the other `x-ots-*` headers
    request, V4   HMAC-SHA256 with a key derived from the secret, a date and a region, over the same text with `ots`
    response      HMAC-SHA1 with the secret or key that signed the request, over its `x-ots-*` headers and the path

A server with an access key accepts only requests that are signed with its secret. A server without one accepts any
signature. But the Python and Java SDKs reject a response that is not signed with their secret, which no request
contains. So the server tries two secrets, `tsmem` and the access key id. If neither fits, it signs with `tsmem`, which
is enough for the Go and Node.js SDKs, because they do not check signatures.

Source: the SDKs (Python `auth.py`, Go `ots_header.go`, Node.js `signer.js`).
"""

from __future__ import annotations

import hmac
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from tsmem.clock import Clock
from tsmem.errors import TsmemError, from_service, invalid
from tsmem.server.http.messages import Head, content_md5

_KEYLESS_SECRET = b"tsmem"
_API_VERSION = "2015-12-31"
_MAX_SKEW_S = 15 * 60
_REQUIRED = ("x-ots-date", "x-ots-apiversion", "x-ots-accesskeyid", "x-ots-instancename", "x-ots-contentmd5")
_V2, _V4 = "x-ots-signature", "x-ots-signaturev4"  # headers with the signature, one for each version
_DATE = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d*)?Z", re.ASCII)


@dataclass(frozen=True)
class AccessKey:
    access_key_id: str
    secret: str = field(repr=False)


@dataclass(frozen=True)
class Identity:
    access_key_id: str
    key: bytes = field(repr=False)  # signs the response: the secret, or for V4 the key that is derived from it
    path: str  # the path that the client signed
    is_verified: bool = True  # True if the request is signed with a secret that this server knows

    def authorization(self, response_headers: Mapping[str, str]) -> str:
        lines = sorted(f"{name}:{value}" for name, value in response_headers.items())
        signature = hmac.digest(self.key, "\n".join([*lines, self.path]).encode("latin-1"), "sha1")
        return f"OTS {self.access_key_id}:{b64encode(signature).decode()}"


def authenticate(head: Head, credentials: AccessKey | None, instance: str | None, clock: Clock) -> Identity:
    """Return the sender of a request. Raises the service's error for a request that is not accepted."""
    headers = head.headers
    version = _V4 if _V4 in headers else _V2
    v4_headers = ("x-ots-signdate", "x-ots-signregion") if version == _V4 else ()
    for name in (*_REQUIRED, *v4_headers, version):
        if not headers.get(name):
            raise invalid(f"Missing header: '{name}'.")
    if headers["x-ots-apiversion"] != _API_VERSION:
        raise invalid(f"Unsupported API version: {headers['x-ots-apiversion']}.")
    date = _checked_date(headers["x-ots-date"], clock)
    if version == _V4:
        # If any day were accepted, a stolen V4 key would be valid forever. Some clients use the day of their time zone.
        days = [(date + timedelta(days=offset)).strftime("%Y%m%d") for offset in (-1, 0, 1)]
        if headers["x-ots-signdate"] not in days:
            raise _auth_failed("Signature mismatch: x-ots-signdate is not the date of x-ots-date.")
    if instance is not None and headers["x-ots-instancename"] != instance:
        raise _auth_failed("The instance is not found.")
    return _identify(head, version, credentials)


def _checked_date(text: str, clock: Clock) -> datetime:
    match = _DATE.fullmatch(text)
    try:
        date = datetime.fromisoformat(match[1] if match else "")
    except ValueError:
        raise invalid(f"Invalid date format: {text}.") from None
    if abs(date.replace(tzinfo=UTC).timestamp() - clock.now_us() / 1e6) > _MAX_SKEW_S:
        raise _auth_failed(f"Mismatch between system time and x-ots-date: {text}.")
    return date


def _identify(head: Head, version: str, credentials: AccessKey | None) -> Identity:
    key_id = head.headers["x-ots-accesskeyid"]
    if credentials is None:
        secrets: tuple[bytes, ...] = (_KEYLESS_SECRET, key_id.encode("latin-1"))
    elif _is_equal(credentials.access_key_id, key_id):
        secrets = (credentials.secret.encode("utf-8", "surrogateescape"),)
    else:
        raise _auth_failed("The AccessKeyID does not exist.")
    for secret in secrets:
        key = _signing_key(secret, head.headers, version)
        for path, text in _signed_texts(head):
            data = text.encode("latin-1")  # the bytes that were received
            digest = hmac.digest(key, data, "sha1") if version == _V2 else hmac.digest(key, data + b"ots", "sha256")
            if _is_equal(b64encode(digest).decode(), head.headers[version]):
                return Identity(key_id, key, path)
    if credentials is not None:
        raise _auth_failed("Signature mismatch.")
    key = _signing_key(_KEYLESS_SECRET, head.headers, version)
    return Identity(key_id, key, f"/{head.action}", is_verified=False)


def check_digest(head: Head, body: bytes) -> None:
    if not _is_equal(content_md5(body), head.headers["x-ots-contentmd5"]):
        raise _auth_failed("Mismatch between MD5 value of request body and x-ots-contentmd5 in header.")


def _signed_texts(head: Head) -> Iterator[tuple[str, str]]:
    """Yield the texts that the client may have signed, each after its path. Some SDKs sign the whole path and others
    only the action; some sort the headers by line and others by name."""
    signed = sorted(pair for pair in head.headers.items() if pair[0].startswith("x-ots-") and pair[0] not in (_V2, _V4))
    by_name = [f"{name}:{value}" for name, value in signed]
    by_line = sorted(by_name)
    for path in dict.fromkeys((f"/{head.action}", head.path)):
        for order in (by_line,) if by_line == by_name else (by_line, by_name):
            yield path, "\n".join([path, "POST", "", *order, ""])


def _signing_key(secret: bytes, headers: Mapping[str, str], version: str) -> bytes:
    if version == _V2:
        return secret
    key = b"aliyun_v4" + secret
    for part in (headers["x-ots-signdate"], headers["x-ots-signregion"], "ots", "aliyun_v4_request"):
        key = hmac.digest(key, part.encode("latin-1"), "sha256")
    return b64encode(key)


def _is_equal(ours: str, header: str) -> bool:
    return hmac.compare_digest(ours.encode("utf-8", "surrogateescape"), header.encode("latin-1"))


def _auth_failed(message: str) -> TsmemError:
    return from_service("OTSAuthFailed", message)
