# ruff: noqa: E501 - sentences stand as they are told
"""Refusals of a TableStore instance, and failures to reach it."""

from __future__ import annotations

from tests.cli.errors.case import Case, Given
from tests.cli.errors.given import file, patched
from tests.cli.errors.servers import (
    Ahead,
    answering,
    at,
    lied,
    no_names,
    nobody,
    refusing,
    saying,
    served,
)
from tests.support.lies import LIES, no_rows_in_a_batch
from tests.support.listening import never_reply

ENDPOINT = "check the endpoint in the profile; it looks like https://INSTANCE.REGION.ots.aliyuncs.com"
LATER = "try again later, or raise `timeout` (seconds) in the profile"
CREATE = "create what is missing in agent-memory @ http://HOST with: tsmem init-tables"
KEYS = "check the access key, the instance and the region in the profile"


def _denied(cause: str, sentence: str, hint: str | None, *given: Given) -> Case:
    return Case(cause, "session list", sentence, hint, code="Denied", given=given)


def _unavailable(cause: str, sentence: str, hint: str, *given: Given) -> Case:
    return Case(cause, "session list", sentence, hint, code="Unavailable", given=given)


# fmt: off
CASES = (
    _denied("A wrong access key id.", "The AccessKeyID does not exist.", KEYS, served(key="other")),
    _denied("A wrong secret.", "Signature mismatch.", KEYS, served(secret="other")),
    _denied("A wrong instance.", "The instance is not found.",
        "check the instance in the profile, and that the endpoint is in its region", served(instance="elsewhere")),
    _denied("A secret that the server does not sign with.",
        "the signature of HOST's reply does not match access_key_secret; the reply was not used",
        "check access_key_secret; for `tsmem serve` without --access-key-id, it must be 'tsmem'",
        served(secret="other", credentials=None)),
    _denied("A server whose clock is an hour ahead.",
        "the clock of this machine differs from that of HOST by more than 15 minutes; the reply was not used",
        "set the clock; requests and replies are signed with the time", served(clock=Ahead())),
    _unavailable("A port where nobody listens.", "HOST refuses connections (tried N times in N s)",
        "check the endpoint and the instance in the profile, and the network", nobody),
    _unavailable("An unknown host.", "cannot find the host HOST (tried N times in N s)",
        ENDPOINT, at("http://no-such-host.invalid"), no_names),
    Case("A server that never stops throttling.", "session list",
        "Server is busy (tried N times in N s)", LATER, code="Throttled",
        given=(answering(refusing(503, "OTSServerBusy", "Server is busy.")),)),
    _unavailable("A server that closes every connection.",
        "the connection to HOST broke before the reply was complete (tried N times in N s)",
        LATER, served("refuse:1")),
    Case("A write whose replies are lost.", "session put ada s9",
        "the connection to HOST broke before the reply was complete (tried N times in N s); the request may have been carried out",
        LATER, code="Unavailable", given=(served("drop:1:PutRow", more="timeout = 1"),), changes=True),
    Case("Rows of an import that the server always refuses.", "import in.jsonl",
        "1 of 1 row could not be written", code="PartialFailure",
        given=(served("partial:1:BatchWriteRow", more="timeout = 1"), file("in.jsonl", '{"user_id": "u", "session_id": "s"}\n')),
        changes=True),
    Case("Rows of a purge that the server always refuses.", "session purge --user ada --yes",
        "2 of 2 rows could not be deleted", code="PartialFailure",
        given=(served("partial:1:BatchWriteRow", more="timeout = 1"),), changes=True),
    Case("Tables that are not ready in time.", "init-tables --wait 1",
        "not ready after 1 s: table session, secondary index session_secondary_index, table message, secondary index message_secondary_index, search index message_search_index",
        "run the same command again to go on waiting", code="Unavailable", given=(served("throttle:1:GetRange"),)),
    _unavailable("A server that never answers.", "HOST did not answer in time (tried N times in N s)",
        LATER, answering(never_reply, more="timeout = 2")),
    _unavailable("A web server.", "HOST does not reply like TableStore (HTTP 404) (tried once in 0 s)",
        ENDPOINT, answering(saying(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"))),
    _unavailable("A web server that answers 200 with a page.",
        'cannot read the reply of HOST: "x-ots-contentmd5" is missing in response header. HTTP status: 200 (tried N times in N s)',
        ENDPOINT, answering(saying(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"))),
    _unavailable("A gateway that is busy.", "the service answered 502 (tried N times in N s)",
        LATER, answering(saying(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n"))),
    Case("A gateway that refuses the requests.", "session list",
        "the request is too large for HOST", code="LimitExceeded",
        given=(answering(saying(b"HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n")),)),
    _unavailable("A server that does not speak HTTP.", "HOST does not speak HTTP (tried N times in N s)",
        ENDPOINT, answering(saying(b"220 smtp ready\r\n"))),
    _unavailable("A captive portal.", "HOST does not reply like TableStore (HTTP 200) (tried once in 0 s)",
        ENDPOINT, answering(saying(b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 2\r\n\r\nhi"))),
    Case("A file of certificates that is not there.", "session list",
        "profile 'cloud': cannot read the certificate file FOLDER/config/tsmem/none.pem (config.toml line 8): No such file or directory",
        code="ProfileError", given=(answering(saying(b""), scheme="https", more='ca_file = "none.pem"'),)),
    _unavailable("A server that accepts only TLS.", "HOST accepts only TLS (tried once in 0 s)",
        "begin the endpoint with https://", answering(saying(b"\x15\x03\x01\x00\x02\x02\x0a"))),
    _unavailable("A web server that accepts only TLS and says so.",
        "HOST does not reply like TableStore (HTTP 400) (tried once in 0 s)", "begin the endpoint with https://",
        answering(saying(b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/html\r\ncontent-length: 2\r\n\r\nhi"))),
    _unavailable("An https endpoint whose server has no TLS.",
        "cannot make a secure connection to HOST: it does not speak TLS (tried once in 0 s)",
        "an endpoint without TLS begins with http://",
        answering(saying(b"HTTP/1.1 400 Bad Request\r\n\r\n"), scheme="https")),
    _unavailable("A compressed reply.", "the reply is compressed, although that was not requested (tried once in 0 s)",
        "check the endpoint in the profile",
        answering(saying(b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 2\r\n\r\nhi"))),
    _unavailable("A reply without end.", "the reply is longer than any TableStore reply (tried once in 0 s)",
        "check the endpoint in the profile",
        answering(saying(b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\nhi"))),
    _denied("An unknown error code of the service.", "Not for you. (OTSNewRefusal)",
        None, answering(refusing(403, "OTSNewRefusal", "Not for you."))),
    _denied("A missing permission.", "You have no permission.",
        "the RAM user of the access key lacks a permission; see: tsmem help permissions",
        answering(refusing(403, "OTSNoPermissionAccess", "You have no permission."))),
    Case("An exhausted quota.", "init-tables",
        "Number of tables exceeds the quota:64.", "delete what is not needed, or ask for a larger quota",
        code="TsmemError",
        given=(answering(refusing(403, "OTSQuotaExhausted", "Number of tables exceeds the quota:64.")),)),
    _unavailable("An unknown failure of the server.", "Something broke (tried N times in N s)",
        LATER, answering(refusing(500, "OTSNewFailure", "Something broke."))),
    _unavailable("A chunked reply without end.",
        "the reply is longer than any TableStore reply (tried once in 0 s)",
        "check the endpoint in the profile",
        answering(saying(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + b"40\r\n" + b"x" * 64 + b"\r\n0\r\n\r\n")),
        patched("tsmem.adapters.tablestore.transport.MAX_REPLY_BYTES", 10)),
    Case("A server that returns rows of another user.", "session list --user ada",
        "HOST answered with rows outside the requested range; the reply was not used", ENDPOINT,
        code="InvalidReply", given=(lied(LIES["a row of another user"]),)),
    Case("A server whose replies cannot be decoded.", "session list --user ada",
        "HOST answered with a reply that cannot be decoded (Checksum is mismatch); the reply was not used", ENDPOINT,
        code="InvalidReply", given=(lied(LIES["rows with a wrong checksum"]),)),
    Case("A server that reports fewer rows than it was sent.", "import in.jsonl",
        "HOST answered with 0 results for 1 row; the request may have been carried out (1 row may have been written or deleted)", ENDPOINT,
        code="InvalidReply",
        given=(lied(LIES["one outcome too few"]), file("in.jsonl", '{"user_id": "u", "session_id": "s"}\n')), changes=True),
    Case("A server that sends empty pages without end.", "session list --user ada",
        "table 'session' answered with 6 pages without a row", code="InvalidReply",
        given=(lied(LIES["empty pages that each advance by the smallest step"]), patched("tsmem.store.listing.scan.MAX_EMPTY_PAGES", 5))),
    Case("A server that finds the same rows again and again.", "session search --user ada",
        "search index 'session_search_index' answered with the same page again", code="InvalidReply",
        out="user_id  session_id  update_time                       search_content  metadata\nada      s2          1970-01-01T00:00:00.002000+00:00  -               -\nada      s1          1970-01-01T00:00:00.001000+00:00  -               -\n",
        given=(lied(LIES["new tokens for the same rows"]),)),
    Case("A server that sends empty pages of a search without end.", "session search --user ada",
        "search index 'session_search_index' answered with 6 pages without a new row", code="InvalidReply",
        given=(lied(LIES["new tokens for no rows"]), patched("tsmem.store.search.finder.MAX_EMPTY_PAGES", 5))),
    Case("A server whose index names sessions that its table lacks.", "session recent --user ada",
        "the index lists 2 sessions, but table 'session' has none of them", code="InvalidReply",
        given=(lied(no_rows_in_a_batch), patched("tsmem.store.sessions.MAX_MISSING", 1))),
)
# fmt: on
