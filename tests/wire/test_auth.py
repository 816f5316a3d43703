"""Signatures: vectors made with `openssl dgst`, and the Python SDK's own module as the other side."""

from __future__ import annotations

import hmac
from base64 import b64encode
from typing import Any

import pytest

from tests.clocks import ManualClock
from tests.wire.raw_http import signed
from tsmem.errors import TsmemError
from tsmem.server.http.auth import AccessKey, Authenticator, Identity, check_digest
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
    """A request's head."""
    lines = [f"POST {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return parse_head("\r\n".join(lines).encode())


def admit(headers: dict[str, str], target: str = "/GetRow", key: AccessKey | None = KEY, **more: Any) -> Identity:
    """Who that is."""
    clock = ManualClock(more.get("now_us", 1_767_225_600_000_000))
    return Authenticator(key, more.get("instance"), clock).authenticate(head(headers, target))


def refused(headers: dict[str, str], **more: Any) -> tuple[str | None, str]:
    """Code and message of a refusal."""
    with pytest.raises(TsmemError) as caught:
        admit(headers, **more)
    return caught.value.service_code, caught.value.message


def changed(headers: dict[str, str], **change: str) -> dict[str, str]:
    """Headers with some set anew; names are given with underscores."""
    return {**headers, **{name.replace("_", "-"): value for name, value in change.items()}}


@pytest.mark.parametrize(
    ("headers", "authorization"),
    [(V2, "OTS some-id:aSsIhm514RLnVQK1hx8b+Fwwuvc="), (V4, "OTS some-id:RmlmYPmLPvvWjakK071r6GKT/Bk=")],
)
def test_signatures_are_those_of_openssl(headers: dict[str, str], authorization: str) -> None:
    """A request signed with V2 or V4 is let in, and its answer is signed with the same key."""
    identity = admit(headers)

    assert identity.is_verified
    assert authorization == identity.authorization(REPLY)


@pytest.mark.parametrize("region", [None, "cn-hangzhou"])
@pytest.mark.parametrize("key", [KEY, None])
@pytest.mark.parametrize("token", [None, "an-sts-token"])
def test_the_sdk_and_the_server_believe_each_other(
    region: str | None, key: AccessKey | None, token: str | None
) -> None:
    """The Python SDK's requests, with V2 and V4, with and without a session token; and its check of the answer."""
    from tsmem.server.wire import schema

    schema.new_message("Error")  # imports the SDK without its warnings
    from tablestore.auth import RequestContext, SignV2, SignV4
    from tablestore.credentials import StaticCredentialsProvider

    secret = "some-secret" if key else "tsmem"
    context = RequestContext(StaticCredentialsProvider("some-id", secret, token).get_credentials())
    signer = SignV2("utf8") if region is None else SignV4("utf8", region=region, sign_date="20260101")
    headers = dict(HEADERS) if token is None else {**HEADERS, "x-ots-ststoken": token}
    signer.make_request_signature_and_add_headers("/GetRow", headers, context)
    identity = admit(headers, key=key)

    wanted = signer.make_response_signature("/GetRow", REPLY, signer.get_signing_key(context))
    assert identity.is_verified
    assert f"OTS some-id:{wanted}" == identity.authorization(REPLY)


def test_every_x_ots_header_is_signed() -> None:
    """Headers that this server has never heard of included; taken away or changed, the signature is wrong."""
    more = {**HEADERS, "x-ots-sdk-traceid": "t", "x-ots-request-tag": "a", "x-ots-anything": "b"}
    right = signed(more, "some-secret")

    assert admit(right).is_verified
    assert ("OTSAuthFailed", "Signature mismatch.") == refused(changed(right, x_ots_anything="c"))
    assert ("OTSAuthFailed", "Signature mismatch.") == refused({**right, "x-ots-new": "d"})


def test_headers_may_be_sorted_by_line_or_by_name() -> None:
    """Python sorts whole lines, where a name that goes on with a hyphen comes first; other SDKs sort names."""
    more = {**HEADERS, "x-ots-a": "1", "x-ots-a-b": "2"}
    lines = [f"{name}:{more[name]}" for name in sorted(more)]
    assert lines != sorted(lines)
    text = "\n".join(["/GetRow", "POST", "", *lines, ""])
    by_name = {**more, "x-ots-signature": b64encode(hmac.digest(b"some-secret", text.encode(), "sha1")).decode()}

    assert admit(by_name).is_verified
    assert admit(signed(more, "some-secret")).is_verified


@pytest.mark.parametrize("path", ["/GetRow", "/some/prefix/GetRow"])
def test_what_an_endpoint_has_before_the_action_may_be_signed_or_not(path: str) -> None:
    """Python, Java and Go leave it out, Node.js signs what it sends; the answer's path is the same as the request's."""
    identity = admit(signed(HEADERS, "some-secret", path), "/some/prefix/GetRow")

    assert path == identity.path


def v4(secret: str, **change: str) -> dict[str, str]:
    """Headers with some set anew and a V4 signature over them."""
    headers = changed({name: value for name, value in V4.items() if name != "x-ots-signaturev4"}, **change)
    key = b"aliyun_v4" + secret.encode()
    for part in (headers["x-ots-signdate"], headers["x-ots-signregion"], "ots", "aliyun_v4_request"):
        key = hmac.digest(key, part.encode("latin-1"), "sha256")
    lines = sorted(f"{name}:{value}" for name, value in headers.items())
    text = "\n".join(["/GetRow", "POST", "", *lines, ""]) + "ots"
    signature = b64encode(hmac.digest(b64encode(key), text.encode("latin-1"), "sha256")).decode()
    return {**headers, "x-ots-signaturev4": signature}


@pytest.mark.parametrize("day", ["20251231", "20260101", "20260102"])
def test_a_v4_key_is_one_of_the_request_s_day(day: str) -> None:
    """Or of a day beside it, which it is elsewhere on earth."""
    assert admit(v4("some-secret", x_ots_signdate=day)).is_verified


@pytest.mark.parametrize(
    "day",
    ["20251230", "20260103", "20200101", "99990101", "2026-01-01", "202601", "2026010", "0020260101", "20260101 x",
     "\u00b2\u00b20260101", "x"],
)  # fmt: skip
@pytest.mark.parametrize("key", [KEY, None])
def test_a_v4_key_of_another_day_is_refused(day: str, key: AccessKey | None) -> None:
    """However rightly it is derived: whoever once saw one could use it for ever."""
    wanted = ("OTSAuthFailed", "Signature mismatch: x-ots-signdate is not the date of x-ots-date.")

    assert wanted == refused(v4("some-secret", x_ots_signdate=day), key=key)


@pytest.mark.parametrize("headers", [V2, V4])
@pytest.mark.parametrize("name", sorted(V4 | V2))
def test_a_missing_header_is_named(headers: dict[str, str], name: str) -> None:
    """Every header that the protocol demands, absent or empty."""
    if name not in headers:
        return
    rest = {key: value for key, value in headers.items() if key != name}
    wanted = "x-ots-signature" if name == "x-ots-signaturev4" else name

    assert ("OTSParameterInvalid", f"Missing header: '{wanted}'.") == refused(rest)
    if name != "x-ots-signaturev4":
        assert ("OTSParameterInvalid", f"Missing header: '{wanted}'.") == refused({**headers, name: " "})


@pytest.mark.parametrize("headers", [V2, V4])
@pytest.mark.parametrize("action", ["/PutRow", "/getrow", "/GetRow/"])
def test_a_signature_is_good_for_one_action(headers: dict[str, str], action: str) -> None:
    """A request signed for reading does not write."""
    assert ("OTSAuthFailed", "Signature mismatch.") == refused(headers, target=action)


@pytest.mark.parametrize(
    "signature",
    ["", "x", "D8Q9TRO0aS4aiKTfb++l5jlKfMk", "D8Q9TRO0aS4aiKTfb++l5jlKfMk=x", "\u00e9", "D8Q9TRO0aS4a" * 99],
)
def test_a_wrong_signature_is_refused(signature: str) -> None:
    """Whatever its length and characters."""
    code, message = refused(changed(V2, x_ots_signature=signature))

    assert (code, message) in (
        ("OTSAuthFailed", "Signature mismatch."),
        ("OTSParameterInvalid", "Missing header: 'x-ots-signature'."),
    )


def test_another_key_is_refused() -> None:
    """Another id, and the right id with another secret."""
    assert ("OTSAuthFailed", "The AccessKeyID does not exist.") == refused(V2, key=AccessKey("other", "some-secret"))
    for near in ("Some-id", "some-i", "some-id1", "SOME-ID"):
        assert ("OTSAuthFailed", "The AccessKeyID does not exist.") == refused(V2, key=AccessKey(near, "some-secret"))
    assert ("OTSAuthFailed", "Signature mismatch.") == refused(V2, key=AccessKey("some-id", "other"))
    assert ("OTSAuthFailed", "Signature mismatch.") == refused(signed(HEADERS, "tsmem"))
    assert ("OTSAuthFailed", "Signature mismatch.") == refused(signed(HEADERS, "some-id"))


def test_a_v2_signature_beside_a_v4_one_does_not_count() -> None:
    """Where both are sent the stronger one decides."""
    both = {**V4, "x-ots-signature": signed({k: v for k, v in V4.items() if "signature" not in k})["x-ots-signature"]}

    assert admit(both).is_verified
    assert ("OTSAuthFailed", "Signature mismatch.") == refused({**both, "x-ots-signaturev4": "x"})


@pytest.mark.parametrize("secret", ["tsmem", "some-id"])
def test_a_server_without_a_key_knows_two_secrets(secret: str) -> None:
    """`tsmem`, and the access key id itself; the answer is signed with the one that the request was signed with."""
    identity = admit(signed(HEADERS, secret), key=None)

    assert (True, secret.encode()) == (identity.is_verified, identity.key)


def test_a_server_without_a_key_takes_any() -> None:
    """It answers what it cannot verify, signed as well as it can be."""
    identity = admit(signed(HEADERS, "nobody knows"), key=None)

    assert (False, b"tsmem") == (identity.is_verified, identity.key)


@pytest.mark.parametrize(
    "date",
    [
        "2026-01-01T00:00:00Z",
        "2026-01-01T00:00:00.Z",
        "2026-01-01T00:00:00.5Z",
        "2026-01-01T00:00:00.000123456Z",
        "2025-12-31T23:45:00.000Z",
        "2026-01-01T00:15:00.999Z",
    ],
)
def test_dates_are_read_leniently(date: str) -> None:
    """Go sends odd fractions of a second; a clock may be a quarter of an hour off."""
    assert admit(signed(changed(HEADERS, x_ots_date=date), "some-secret")).is_verified


@pytest.mark.parametrize("date", ["2025-12-31T23:44:59.000Z", "2026-01-01T00:15:01.000Z", "0001-01-01T00:00:00Z"])
def test_a_clock_that_is_too_far_off_is_refused(date: str) -> None:
    """More than 15 minutes, either way."""
    message = f"Mismatch between system time and x-ots-date: {date}."

    assert ("OTSAuthFailed", message) == refused(signed(changed(HEADERS, x_ots_date=date), "some-secret"))


@pytest.mark.parametrize(
    "date",
    ["now", "2026-01-01", "2026-01-01T00:00:00", "2026-13-01T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:00:60Z",
     "Thu, 01 Jan 2026 00:00:00 GMT", "2026-01-01T00:00:00+00:00", "\u0662026-01-01T00:00:00Z"],
)  # fmt: skip
def test_what_is_no_date_is_refused(date: str) -> None:
    """The text is said as it came."""
    headers = signed(HEADERS, "some-secret")
    code, message = refused(changed(headers, x_ots_date=date))

    assert "OTSParameterInvalid" == code
    assert message.startswith("Invalid date format: ")


def test_another_instance_is_refused_where_one_is_named() -> None:
    """And any is taken where none is; a name is compared letter by letter."""
    for name in ("other", "Some-Instance", "some-instanc", "some-instance1", "SOME-INSTANCE", ""):
        assert ("OTSAuthFailed", "The instance is not found.") == refused(V2, instance=name)
    assert admit(V2, instance="some-instance").is_verified


def test_another_api_version_is_refused() -> None:
    """The protocol of 2014 has other messages."""
    code, message = refused(changed(V2, x_ots_apiversion="2014-08-08"))

    assert ("OTSParameterInvalid", "Unsupported API version: 2014-08-08.") == (code, message)


def test_another_body_than_the_signed_one_is_refused() -> None:
    """The signature covers the body by its MD5."""
    check_digest(head(V2), b"")
    with pytest.raises(TsmemError) as caught:
        check_digest(head(V2), b"other")

    assert "OTSAuthFailed" == caught.value.service_code
    wanted = "Mismatch between MD5 value of request body and x-ots-contentmd5 in header."
    assert wanted == caught.value.message


def test_no_secret_is_shown() -> None:
    """Neither a server's key nor a client's is in a repr."""
    assert "some-secret" not in repr(KEY)
    assert "some-secret" not in repr(admit(V2))
