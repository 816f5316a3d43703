"""Signatures of requests and replies, checked against vectors made with `openssl dgst` and against the Python SDK."""

from __future__ import annotations

import hmac
from base64 import b64encode
from typing import Any

import pytest

from tests.support.clocks import ManualClock
from tests.support.raw_http import signed
from tsmem.errors import TsmemError
from tsmem.server.http.auth import AccessKey, Identity, authenticate
from tsmem.server.http.messages import Head, parse_head

HEADERS = {
    "x-ots-date": "2026-01-01T00:00:00.000Z",
    "x-ots-apiversion": "2015-12-31",
    "x-ots-accesskeyid": "some-id",
    "x-ots-instancename": "some-instance",
    "x-ots-contentmd5": "1B2M2Y8AsgTpgAmY7PhCfg==",
}
V2 = {**HEADERS, "x-ots-signature": "D8Q9TRO0aS4aiKTfb++l5jlKfMk="}
V4 = {
    **HEADERS,
    "x-ots-signdate": "20260101",
    "x-ots-signregion": "cn-hangzhou",
    "x-ots-signaturev4": "yxK8PS4GaOYEVRSXW5ksJf7GUP2h6Ig6MvkxEbNU0Yg=",
}
REPLY = {
    "x-ots-contentmd5": "1B2M2Y8AsgTpgAmY7PhCfg==",
    "x-ots-contenttype": "protocol buffer",
    "x-ots-date": "2026-01-01T00:00:00.000000Z",
    "x-ots-requestid": "r",
}
KEY = AccessKey("some-id", "some-secret")


def head(headers: dict[str, str], target: str = "/GetRow") -> Head:
    lines = [f"POST {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return parse_head("\r\n".join(lines).encode())


def identify(headers: dict[str, str], target: str = "/GetRow", key: AccessKey | None = KEY, **more: Any) -> Identity:
    clock = ManualClock(more.get("now_us", 1_767_225_600_000_000))
    return authenticate(head(headers, target), key, more.get("instance"), clock)


def refused(headers: dict[str, str], **more: Any) -> tuple[str | None, str]:
    with pytest.raises(TsmemError) as caught:
        identify(headers, **more)
    return caught.value.service_code, caught.value.message


def with_headers(headers: dict[str, str], **change: str) -> dict[str, str]:
    """Return the headers with some replaced. Underscores in the names stand for hyphens."""
    return {**headers, **{name.replace("_", "-"): value for name, value in change.items()}}


@pytest.mark.parametrize(
    ("headers", "authorization"),
    [(V2, "OTS some-id:aSsIhm514RLnVQK1hx8b+Fwwuvc="), (V4, "OTS some-id:RmlmYPmLPvvWjakK071r6GKT/Bk=")],
)
def test_v2_and_v4_signatures_are_those_of_openssl(headers: dict[str, str], authorization: str) -> None:
    identity = identify(headers)

    assert identity.is_verified
    assert authorization == identity.authorization(REPLY)


@pytest.mark.parametrize("region", [None, "cn-hangzhou"])
@pytest.mark.parametrize("key", [KEY, None])
@pytest.mark.parametrize("token", [None, "an-sts-token"])
def test_the_server_accepts_sdk_signatures_and_the_sdk_accepts_the_servers(
    region: str | None, key: AccessKey | None, token: str | None
) -> None:
    from tsmem.server.wire import schema

    schema.new_message("Error")  # imports the SDK without its warnings
    from tablestore.auth import RequestContext, SignV2, SignV4
    from tablestore.credentials import StaticCredentialsProvider

    secret = "some-secret" if key else "tsmem"
    context = RequestContext(StaticCredentialsProvider("some-id", secret, token).get_credentials())
    signer = SignV2("utf8") if region is None else SignV4("utf8", region=region, sign_date="20260101")
    headers = dict(HEADERS) if token is None else {**HEADERS, "x-ots-ststoken": token}
    signer.make_request_signature_and_add_headers("/GetRow", headers, context)
    identity = identify(headers, key=key)

    wanted = signer.make_response_signature("/GetRow", REPLY, signer.get_signing_key(context))
    assert identity.is_verified
    assert f"OTS some-id:{wanted}" == identity.authorization(REPLY)


def test_an_x_ots_header_changed_or_added_after_signing_is_refused() -> None:
    more = {**HEADERS, "x-ots-sdk-traceid": "t", "x-ots-request-tag": "a", "x-ots-anything": "b"}
    right = signed(more, "some-secret")

    assert identify(right).is_verified
    assert ("OTSAuthFailed", "Signature mismatch.") == refused(with_headers(right, x_ots_anything="c"))
    assert ("OTSAuthFailed", "Signature mismatch.") == refused({**right, "x-ots-new": "d"})


def test_signed_headers_can_be_sorted_by_line_or_by_name() -> None:
    """The Python SDK sorts whole lines `name:value`, so of two names where one begins with the other, a hyphen comes
    before the colon. Other SDKs sort by name."""
    more = {**HEADERS, "x-ots-a": "1", "x-ots-a-b": "2"}
    lines = [f"{name}:{more[name]}" for name in sorted(more)]
    assert lines != sorted(lines)
    text = "\n".join(["/GetRow", "POST", "", *lines, ""])
    by_name = {**more, "x-ots-signature": b64encode(hmac.digest(b"some-secret", text.encode(), "sha1")).decode()}

    assert identify(by_name).is_verified
    assert identify(signed(more, "some-secret")).is_verified


@pytest.mark.parametrize("path", ["/GetRow", "/some/prefix/GetRow"])
def test_the_signed_path_can_include_or_omit_the_endpoint_prefix(path: str) -> None:
    """The Python, Java and Go SDKs leave out the prefix; Node.js signs the path that it sends."""
    identity = identify(signed(HEADERS, "some-secret", path), "/some/prefix/GetRow")

    assert path == identity.path


def signed_v4(secret: str, **change: str) -> dict[str, str]:
    """Return headers with a V4 signature, some of them replaced before signing."""
    headers = with_headers({name: value for name, value in V4.items() if name != "x-ots-signaturev4"}, **change)
    key = b"aliyun_v4" + secret.encode()
    for part in (headers["x-ots-signdate"], headers["x-ots-signregion"], "ots", "aliyun_v4_request"):
        key = hmac.digest(key, part.encode("latin-1"), "sha256")
    lines = sorted(f"{name}:{value}" for name, value in headers.items())
    text = "\n".join(["/GetRow", "POST", "", *lines, ""]) + "ots"
    signature = b64encode(hmac.digest(b64encode(key), text.encode("latin-1"), "sha256")).decode()
    return {**headers, "x-ots-signaturev4": signature}


@pytest.mark.parametrize("key", [KEY, None])
def test_a_v4_sign_date_can_differ_from_the_request_date_by_one_day(key: AccessKey | None) -> None:
    """A key derived for any other day is refused, even with a correct signature."""
    for day in ("20251231", "20260101", "20260102"):
        assert identify(signed_v4("some-secret", x_ots_signdate=day), key=key).is_verified is (key is not None), day
    wanted = ("OTSAuthFailed", "Signature mismatch: x-ots-signdate is not the date of x-ots-date.")
    for day in ("20251230", "20260103", "99990101", "2026-01-01", "202601", "20260101 x", "\u00b2\u00b20260101"):
        assert wanted == refused(signed_v4("some-secret", x_ots_signdate=day), key=key), day


@pytest.mark.parametrize(("headers", "name"), [*((V2, name) for name in V2), *((V4, name) for name in V4)])
def test_the_error_names_a_missing_or_empty_header(headers: dict[str, str], name: str) -> None:
    rest = {key: value for key, value in headers.items() if key != name}
    missing = "x-ots-signature" if name == "x-ots-signaturev4" else name

    assert ("OTSParameterInvalid", f"Missing header: '{missing}'.") == refused(rest)
    assert ("OTSParameterInvalid", f"Missing header: '{name}'.") == refused({**headers, name: " "})


@pytest.mark.parametrize("headers", [V2, V4])
@pytest.mark.parametrize("action", ["/PutRow", "/getrow", "/GetRow/"])
def test_a_signature_is_valid_for_one_action(headers: dict[str, str], action: str) -> None:
    assert ("OTSAuthFailed", "Signature mismatch.") == refused(headers, target=action)


@pytest.mark.parametrize(("headers", "name"), [(V2, "x-ots-signature"), (V4, "x-ots-signaturev4")])
def test_a_part_or_a_variant_of_the_signature_is_refused(headers: dict[str, str], name: str) -> None:
    right = headers[name]
    for wrong in (right[0], right[:-1], right[1:], right + "=", right + right, "x", "\u00e9"):
        assert ("OTSAuthFailed", "Signature mismatch.") == refused({**headers, name: wrong})


def test_another_access_key_id_or_secret_is_refused() -> None:
    for key_id in ("Some-id", "some-i", "some-id-", "some-idsome-id"):
        headers = signed(with_headers(HEADERS, x_ots_accesskeyid=key_id), "some-secret")
        assert ("OTSAuthFailed", "The AccessKeyID does not exist.") == refused(headers)
    for secret in ("other", "tsmem", "some-id"):
        assert ("OTSAuthFailed", "Signature mismatch.") == refused(signed(HEADERS, secret))


def test_a_request_with_both_signatures_is_checked_by_the_v4_one() -> None:
    both = {**V4, "x-ots-signature": signed({k: v for k, v in V4.items() if "signature" not in k})["x-ots-signature"]}

    assert identify(both).is_verified
    assert ("OTSAuthFailed", "Signature mismatch.") == refused({**both, "x-ots-signaturev4": "x"})


@pytest.mark.parametrize(("secret", "key"), [("tsmem", b"tsmem"), ("some-id", b"some-id"), ("nobody knows", None)])
def test_a_server_without_a_key_verifies_two_secrets_and_accepts_others(secret: str, key: bytes | None) -> None:
    identity = identify(signed(HEADERS, secret), key=None)

    assert (key is not None, key or b"tsmem") == (identity.is_verified, identity.key)


DATES = ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00.5Z", "2026-01-01T00:00:00.000123456Z",
         "2025-12-31T23:45:00.000Z", "2026-01-01T00:15:00.999Z")  # fmt: skip
OTHER_TIMES = ("2025-12-31T23:44:59.000Z", "2026-01-01T00:15:01.000Z", "0001-01-01T00:00:00Z")
NO_DATES = ("now", "2026-01-01T00:00:00", "2026-13-01T00:00:00Z", "2026-01-01T24:00:00Z",
            "Thu, 01 Jan 2026 00:00:00 GMT", "2026-01-01T00:00:00+00:00", "\u0662026-01-01T00:00:00Z")  # fmt: skip


def test_a_date_can_have_any_fraction_and_be_15_minutes_off() -> None:
    for date in DATES:
        assert identify(signed(with_headers(HEADERS, x_ots_date=date), "some-secret")).is_verified, date
    for date in OTHER_TIMES:
        refusal = ("OTSAuthFailed", f"Mismatch between system time and x-ots-date: {date}.")
        assert refusal == refused(signed(with_headers(HEADERS, x_ots_date=date), "some-secret"))
    for date in NO_DATES:
        code, message = refused(with_headers(signed(HEADERS, "some-secret"), x_ots_date=date))
        assert ("OTSParameterInvalid", True) == (code, message.startswith("Invalid date format: ")), date


def test_another_api_version_and_another_instance_are_refused() -> None:
    refusal = ("OTSParameterInvalid", "Unsupported API version: 2014-08-08.")
    assert refusal == refused(with_headers(V2, x_ots_apiversion="2014-08-08"))
    for name in ("other", "Some-Instance", "some-instanc", "some-instance1", ""):
        assert ("OTSAuthFailed", "The instance is not found.") == refused(V2, instance=name)
    assert identify(V2, instance="some-instance").is_verified


def test_no_repr_has_a_secret() -> None:
    assert "some-secret" not in repr(KEY)
    assert "some-secret" not in repr(identify(V2))
