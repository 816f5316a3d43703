"""Parsing of request headers and bodies, and encoding of response headers, without a socket."""

from __future__ import annotations

import zlib

import pytest

from tsmem.errors import TsmemError
from tsmem.server.http.messages import Head, check_request, decompress_body, parse_head, response_head


def parsed(text: str) -> Head:
    return parse_head(text.replace("\n", "\r\n").encode("latin-1"))


def refused(text: str) -> TsmemError:
    with pytest.raises(TsmemError) as caught:
        check_request(parsed(text))
    return caught.value


def test_request_headers_are_parsed() -> None:
    head = parsed("POST /GetRow?b=2&a=1 HTTP/1.1\nHost: h\nX-Ots-Date:  now \nContent-Length: 12")

    assert ("POST", "/GetRow", "b=2&a=1", "GetRow", 12) == (*head[:3], head.action, head.length)
    assert "now" == head.headers["x-ots-date"]
    assert (True, False) == (head.keep_alive, head.expects_continue)


@pytest.mark.parametrize(
    ("target", "path", "action"),
    [("/some/prefix/GetRow", "/some/prefix/GetRow", "GetRow"), ("http://host:80/GetRow", "/GetRow", "GetRow"),
     ("/", "/", "")],
)  # fmt: skip
def test_the_action_is_the_last_part_of_the_path(target: str, path: str, action: str) -> None:
    head = parsed(f"POST {target} HTTP/1.1")

    assert (path, action) == (head.path, head.action)


@pytest.mark.parametrize(
    ("rest", "lasts"),
    [("HTTP/1.1", True), ("HTTP/1.1\nConnection: close", False), ("HTTP/1.1\nConnection: Upgrade, Close", False),
     ("HTTP/1.0", False), ("HTTP/1.0\nConnection: keep-alive", True)],
)  # fmt: skip
def test_keep_alive_follows_the_http_version_and_the_connection_header(rest: str, lasts: bool) -> None:
    assert lasts is parsed(f"POST /A {rest}").keep_alive


LINES = (
    "", "POST", "POST /GetRow", "POST /GetRow HTTP/2.0", "POST /GetRow HTTP/1.1 more", "POST  /GetRow HTTP/1.1",
    "POST /Get\x00Row HTTP/1.1", "POST /Get Row HTTP/1.1", "P(ST /GetRow HTTP/1.1", "PRI * HTTP/2.0",
    "POST GetRow HTTP/1.1", "POST * HTTP/1.1",
)  # fmt: skip
HEADERS = (
    "no colon", ": no name", "space : before", "A: b\n folded", "A: b\rc", "A: b\x1b[31m", "Content-Length: -1",
    "Content-Length: 1_0", "Content-Length: ", "Content-Length: 0x10", "Content-Length: \xb2",
    "Content-Length: 1\nContent-Length: 2", "Content-Length: 1, 1", "Transfer-Encoding: chunked\nContent-Length: 3",
    "A: b" + "\nA: b" * 100,
)  # fmt: skip


@pytest.mark.parametrize("text", [*LINES, *(f"POST /GetRow HTTP/1.1\n{lines}" for lines in HEADERS)])
def test_malformed_request_headers_are_refused(text: str) -> None:
    error = refused(text)

    assert "OTSParameterInvalid" == error.service_code
    assert error.message.startswith("Malformed HTTP request: ")


NOT_POST = ("OTSMethodNotAllowed", "Only POST method for requests is supported.")
BROWSER = ("OTSNoPermissionAccess", "Requests from browsers are not served.")
TOO_LARGE = ("OTSRequestBodyTooLarge", "The size of POST data is too large.")


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("GET /GetRow HTTP/1.1", *NOT_POST),
        ("OPTIONS * HTTP/1.1", *NOT_POST),
        ("CONNECT here:80 HTTP/1.1", *NOT_POST),
        ("post /GetRow HTTP/1.1", *NOT_POST),
        ("POST /GetRow HTTP/1.1\nOrigin: https://evil.example", *BROWSER),
        ("POST /GetRow HTTP/1.1\nOrigin: null", *BROWSER),
        ("POST /GetRow?x= HTTP/1.1", "OTSParameterInvalid", "Malformed HTTP request: the target has a query."),
        ("POST /GetRow HTTP/1.1\nContent-Length: 5242881", *TOO_LARGE),
        (f"POST /GetRow HTTP/1.1\nContent-Length: {'9' * 5000}", *TOO_LARGE),
    ],
)
def test_other_methods_browsers_query_strings_and_large_bodies_are_refused(text: str, code: str, message: str) -> None:
    error = refused(text)

    assert (code, message) == (error.service_code, error.message)


@pytest.mark.parametrize(
    ("name", "second"), [("x-ots-accesskeyid", "b"), ("X-OTS-Signature", "a"), ("x-ots-unknown", ""), ("Host", "a")]
)
def test_a_repeated_significant_header_is_refused(name: str, second: str) -> None:
    """HTTP parsers differ in whether they take the first or the last of two headers. Two equal ones are refused,
    too."""
    error = refused(f"POST /GetRow HTTP/1.1\n{name}: a\n{name.lower()}: {second}")

    assert f"Malformed HTTP request: the header '{name.lower()}' twice." == error.message
    assert "OTSParameterInvalid" == error.service_code


def test_a_body_of_5_mb_is_accepted() -> None:
    check_request(parsed("POST /GetRow HTTP/1.1\nContent-Length: 5242880"))


def compressed(body: bytes, size: object, kind: str = "deflate") -> bytes:
    text = f"POST /A HTTP/1.1\nx-ots-request-compress-type: {kind}\nx-ots-request-compress-size: {size}"
    return decompress_body(parsed(text), body)


@pytest.mark.parametrize("raw", [b"", b"a", b"row" * 100_000, b"\0" * 5_242_880])
def test_a_deflated_body_is_decompressed(raw: bytes) -> None:
    assert raw == compressed(zlib.compress(raw), len(raw))


ABC, ZEROS = zlib.compress(b"abc"), zlib.compress(b"\0" * 50_000_000)


@pytest.mark.parametrize(
    ("body", "size", "code"),
    [
        *((ABC, size, "OTSParameterInvalid") for size in (2, 4, "", "-1")),
        *((body, 3, "OTSParameterInvalid") for body in (ABC[:-1], ABC + b"x", b"no zlib")),
        (b"", 0, "OTSParameterInvalid"),
        (ZEROS, 10, "OTSParameterInvalid"),
        (ZEROS, 50_000_000, "OTSRequestBodyTooLarge"),
    ],
)
def test_a_compressed_body_of_the_wrong_size_is_refused(body: bytes, size: object, code: str) -> None:
    with pytest.raises(TsmemError) as caught:
        compressed(body, size)
    assert code == caught.value.service_code


def test_a_compression_other_than_deflate_is_refused() -> None:
    with pytest.raises(TsmemError, match="Unsupported compress type: 'gzip'"):
        compressed(b"", 0, "gzip")


def test_response_headers_are_exact() -> None:
    assert (
        b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 7\r\nx-ots-requestid: r\r\n"
        b"Authorization: OTS id:sig\r\nConnection: close\r\n\r\n"
    ) == response_head(503, 7, {"x-ots-requestid": "r", "Authorization": "OTS id:sig"}, close=True)
