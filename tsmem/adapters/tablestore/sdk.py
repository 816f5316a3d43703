"""TableStore's SDK, imported without its warnings and logs, and the client that it makes for a profile.

While it is imported, the SDK warns through `logging` and `warnings` that its native code does not fit this version of
Python. Its client encodes and signs requests, and checks the signatures of replies. Two things are replaced in it:

- its connection pool, by our `Transport`;
- what happens to a reply that cannot be decoded: ours raises WrongReply.

Source: tablestore 6.4.8, encoder.py, decoder.py, native/__init__.py, ots_sdk/__init__.py.
"""

from __future__ import annotations

import logging
import ssl
import warnings
from collections.abc import Callable, Mapping
from typing import Any

from tsmem.adapters.tablestore.transport import CURRENT_ATTEMPT, Transport
from tsmem.errors import ProfileError
from tsmem.profiles.model import Credentials, Profile

for _name in ("tablestore.encoder", "tablestore.decoder"):
    if logging.getLogger(_name).level == logging.NOTSET:
        logging.getLogger(_name).setLevel(logging.ERROR)

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import tablestore as ots
    from tablestore.protobuf import search_pb2, table_store_pb2

__all__ = ["WrongReply", "make_sdk_client", "make_transport", "ots", "search_pb2", "table_store_pb2"]

_SILENT_LOGGER = "tsmem.adapters.tablestore.sdk"
"""Name of the logger for SDK clients. It logs nothing: at level DEBUG or NOTSET the SDK logs the access key and
signature of every request, and at ERROR it logs whole replies."""
logging.getLogger(_SILENT_LOGGER).setLevel(logging.CRITICAL + 1)
_MAX_REASON_CHARS = 200


class WrongReply(Exception):
    """The reply cannot be decoded or does not fit the request. The message completes "HOST answered with ...".

    Replies are signed, so nobody can alter them on the way: the checks catch faults of the service, such as a page that
    starts where the previous one started. `errors.py` turns this into InvalidReply with the name of the host."""


def make_transport(profile: Profile) -> Transport:
    ca_file = None if profile.ca_file is None else str(profile.ca_file)
    try:
        return Transport(profile.endpoint or "", ca_file, profile.ca_folders)
    except OSError as error:
        where = f"{profile.ca_file} ({profile.origins.get('ca_file')})"
        reason = "it holds no certificates in PEM form" if isinstance(error, ssl.SSLError) else error.strerror
        raise ProfileError(f"profile '{profile.name}': cannot read the certificate file {where}: {reason}") from error


def make_sdk_client(profile: Profile, credentials: Credentials, transport: Transport) -> Any:
    _check_header_values(profile, credentials)
    client = ots.OTSClient(
        profile.endpoint, credentials.access_key_id, credentials.access_key_secret, profile.instance,
        region=profile.region, sts_token=credentials.security_token,
        retry_policy=ots.NoRetryPolicy(), logger_name=_SILENT_LOGGER,
    )  # fmt: skip
    client.connection = transport
    _install_decoder(client)
    return client


def _check_header_values(profile: Profile, credentials: Credentials) -> None:
    """Raise ProfileError for a value that no HTTP header can carry. The message does not quote it: it can be secret."""
    key_id, token = credentials.access_key_id, credentials.security_token
    for setting, text in (("instance", profile.instance), ("access_key_id", key_id), ("security_token", token)):
        if text and not all("!" <= char <= "~" for char in text):
            message = f"profile '{profile.name}': '{setting}' contains a character that cannot be sent in a request"
            raise ProfileError(message, hint="use ASCII letters, digits and punctuation, without spaces or line breaks")
    if ":" in key_id:
        message = (
            f"profile '{profile.name}': 'access_key_id' contains a colon, which is not allowed in an access key id"
        )
        raise ProfileError(message, hint="write only the id, without the secret")


def _install_decoder(client: Any) -> None:
    """Replace the SDK client's method `parse_response`, which decodes a reply once its signature is checked.

    If the reply cannot be decoded, the SDK's own method formats its whole body into a log message, which takes four
    times the memory of the reply. Source: tablestore 6.4.8, protocol.py, decoder.py."""
    decoder = client.protocol.decoder
    decoder.api_decode_map["GetRange"] = _announcing_decoder(decoder.api_decode_map["GetRange"])

    def parse_response(operation: str, status: int, headers: Mapping[str, str], body: bytes) -> Any:
        try:
            reply, message = decoder.decode_response(operation, body, headers.get("x-ots-requestid") or "")
            # Without this check, an empty body would be decoded as a page without rows.
            if message is not None and not message.IsInitialized():
                raise WrongReply("a reply that cannot be decoded (a part is missing)")
        except (MemoryError, WrongReply):
            raise
        except Exception as error:
            # The message of any other error, such as a KeyError, says nothing to a user.
            has_reason = isinstance(error, (ots.OTSError, ValueError))
            reason = str(error)[:_MAX_REASON_CHARS] if has_reason else type(error).__name__
            raise WrongReply(f"a reply that cannot be decoded ({reason.rstrip('.')})") from error
        CURRENT_ATTEMPT.get().is_decoded = True
        return reply

    client.protocol.parse_response = parse_response


def _announcing_decoder(decode: Callable[[bytes, str], Any]) -> Callable[[bytes, str], Any]:
    """Make a decoder of GetRange announce the start of the next page before it decodes the rows, so that the next
    request can be sent meanwhile."""

    def announce_and_decode(body: bytes, request_id: str) -> Any:
        if (announce := CURRENT_ATTEMPT.get().announce) is not None:
            head = table_store_pb2.GetRangeResponse.FromString(body)
            head.rows = b""
            (_, next_start, *_), _ = decode(head.SerializeToString(), request_id)
            announce(next_start)
        return decode(body, request_id)

    return announce_and_decode
