"""Create the SDK's client for a profile, and change the parts of it that do not suit us.

`TablestoreClient` calls `make_transport` and `make_sdk_client` once. The SDK's client still encodes and signs each
request, and checks the signature of each reply. Three things are replaced in it:

- its connection pool, by our `Transport`;
- some of its encoders and decoders (`schemas.extend`);
- what happens to a reply that cannot be decoded: ours raises WrongReply.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from typing import Any

from tsmem.adapters.tablestore.reply_checks import WrongReply
from tsmem.adapters.tablestore.schemas import extend
from tsmem.adapters.tablestore.sdk import SILENT_LOGGER, ots, table_store_pb2
from tsmem.adapters.tablestore.transport import CURRENT_ATTEMPT, Transport
from tsmem.errors import ProfileError
from tsmem.profiles.model import Credentials, Profile

_MAX_REASON_CHARS = 200


def make_transport(profile: Profile) -> Transport:
    ca_file = None if profile.ca_file is None else str(profile.ca_file)
    try:
        return Transport(profile.endpoint or "", ca_file, profile.ca_folders)
    except OSError as error:
        where = f"{profile.ca_file} ({profile.origins.get('ca_file')})"
        reason = "it holds no certificates in PEM form" if isinstance(error, ssl.SSLError) else error.strerror
        raise ProfileError(f"profile '{profile.name}': cannot read the certificate file {where}: {reason}") from error


def make_sdk_client(profile: Profile, credentials: Credentials, transport: Transport) -> Any:
    """Return the SDK's client for a profile. It does not retry. Raises ProfileError."""
    _check_header_values(profile, credentials)
    client = ots.OTSClient(
        profile.endpoint, credentials.access_key_id, credentials.access_key_secret, profile.instance,
        region=profile.region, sts_token=credentials.security_token,
        retry_policy=ots.NoRetryPolicy(), logger_name=SILENT_LOGGER,
    )  # fmt: skip
    client.connection = transport
    extend(client)
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
    """Return a decoder of GetRange that calls `HttpAttempt.announce` with the start of the next page before it decodes
    the rows, so that the next request can be sent meanwhile."""

    def announce_and_decode(body: bytes, request_id: str) -> Any:
        if (announce := CURRENT_ATTEMPT.get().announce) is not None:
            head = table_store_pb2.GetRangeResponse.FromString(body)
            head.rows = b""
            (_, next_start, *_), _ = decode(head.SerializeToString(), request_id)
            announce(next_start)
        return decode(body, request_id)

    return announce_and_decode
