"""One SDK client over `Transport`: each call of the SDK ends in time, is metered and logged, and fails with our errors.

`client.py` makes every request through `HttpSession.call`. The SDK's own retries are off: tsmem.retry retries, and its
deadline says how long an attempt may take.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tsmem.adapters.naming import name_missing
from tsmem.adapters.redaction import hide
from tsmem.adapters.tablestore.errors import translate
from tsmem.adapters.tablestore.reply_checks import WrongReply
from tsmem.adapters.tablestore.schemas import extend
from tsmem.adapters.tablestore.sdk import QUIET_LOGGER, ots, table_store_pb2
from tsmem.adapters.tablestore.transport import CURRENT_ATTEMPT, HttpAttempt, Transport
from tsmem.errors import ProfileError, TsmemError, Unavailable
from tsmem.port import Cost, Meter
from tsmem.profiles.model import Credentials, Profile

Log = Callable[[str], None]
"""Takes a line about each request: operation, table, rows, milliseconds, request id, error code."""

_MAX_REASON = 200


class HttpSession:
    """Connections and credentials of one profile. The secrets are revealed once, here."""

    def __init__(self, profile: Profile, log: Log | None = None) -> None:
        """Raises ProfileError."""
        self.meter = Meter()
        self._closed = False
        self.clock_skew_s: float | None = None  # as the service's last reply says
        self._timeout_s = profile.timeout_s
        self._log = log
        self._transport = _transport(profile)
        credentials = profile.credentials()
        _check_headers(profile, credentials)
        self._secrets = tuple(secret for secret in credentials if secret)
        hide(self._secrets)
        try:
            self._client: Any = ots.OTSClient(
                profile.endpoint, credentials.access_key_id, credentials.access_key_secret, profile.instance,
                region=profile.region, sts_token=credentials.security_token,
                retry_policy=ots.NoRetryPolicy(), logger_name=QUIET_LOGGER,
            )  # fmt: skip
        except ots.OTSClientError as error:
            raise ProfileError(f"profile '{profile.name}': {error.message}") from error
        self._client.connection = self._transport
        extend(self._client)
        _install_decoder(self._client)

    @contextmanager
    def call(self, operation: str, *tables: str) -> Iterator[tuple[Any, HttpAttempt]]:
        """Give the block the SDK's client for one request about these tables, and the attempt, in which it notes rows
        and cost. Raises errors of tsmem.errors; Unavailable when the attempt's time is up."""
        self._require_open()
        started_s = time.monotonic()
        attempt = HttpAttempt(operation, self._timeout_s)
        token = CURRENT_ATTEMPT.set(attempt)
        error: TsmemError | None = None
        try:
            yield self._client, attempt
        except Exception as failure:
            hide(attempt.signatures)  # the traceback of the cause may show them
            if not attempt.sent:
                self._require_open()  # closed meanwhile
            error = translate(failure, attempt, self._transport.host, self._secrets)
            name_missing(error, tables)
            if error is None or error is failure:
                raise
            raise error from failure
        finally:
            CURRENT_ATTEMPT.reset(token)
            if attempt.skew_s is not None:
                self.clock_skew_s = attempt.skew_s
            self.meter.add(attempt.cost.plus(Cost(1 if attempt.sent else 0)))
            if self._log is not None and (attempt.sent or isinstance(error, Unavailable)):
                parts = [" ".join((operation, *tables))]
                if attempt.rows is not None:
                    parts.append("1 row" if attempt.rows == 1 else f"{attempt.rows} rows")
                parts.append(f"{(time.monotonic() - started_s) * 1000:.1f} ms")
                if request_id := attempt.request_id or (error and error.request_id):
                    parts.append(f"request {request_id}")
                if error is not None:
                    parts.append(error.service_code or error.code)
                self._log(", ".join(parts))

    def _require_open(self) -> None:
        if self._closed:
            raise TsmemError("the store is closed")

    def close(self) -> None:
        self._closed = True
        self._transport.close()


def _transport(profile: Profile) -> Transport:
    ca_file = None if profile.ca_file is None else str(profile.ca_file)
    try:
        return Transport(profile.endpoint or "", ca_file, profile.ca_folders)
    except OSError as error:
        where = f"{profile.ca_file} ({profile.origins.get('ca_file')})"
        reason = "holds no certificates in PEM form" if isinstance(error, ssl.SSLError) else error.strerror
        raise ProfileError(f"profile '{profile.name}': the file of certificates {where}: {reason}") from error


def _check_headers(profile: Profile, credentials: Credentials) -> None:
    """Raise ProfileError, without the value, for a value that no HTTP header can carry."""
    key_id, token = credentials.access_key_id, credentials.security_token
    for setting, text in (("instance", profile.instance), ("access_key_id", key_id), ("security_token", token)):
        if text and not all("!" <= char <= "~" for char in text):
            message = f"profile '{profile.name}': '{setting}' holds a character that no request can carry"
            raise ProfileError(message, hint="it is letters, digits and signs of ASCII, without spaces or line ends")
    if ":" in key_id:
        message = f"profile '{profile.name}': 'access_key_id' holds a colon, which no access key id has"
        raise ProfileError(message, hint="the id alone, without the secret")


def _install_decoder(client: Any) -> None:
    """Replace an SDK client's `parse_response`, which decodes a reply after its signature was checked: it would print
    the whole body of a reply that cannot be decoded into a message, four times the memory of the reply. Ours raises
    WrongReply. Source: tablestore 6.4.8, protocol.py, decoder.py."""
    decoder = client.protocol.decoder
    decoder.api_decode_map["GetRange"] = _announcing(decoder.api_decode_map["GetRange"])

    def parse_response(operation: str, status: int, headers: Mapping[str, str], body: bytes) -> Any:
        try:
            reply, message = decoder.decode_response(operation, body, headers.get("x-ots-requestid") or "")
            if message is not None and not message.IsInitialized():  # an empty body would be a page without rows
                raise WrongReply("what cannot be decoded (a part is missing)")
        except (MemoryError, WrongReply):
            raise
        except Exception as error:
            # Other errors of the SDK's decoder only show how it is made.
            reason = str(error)[:_MAX_REASON] if isinstance(error, (ots.OTSError, ValueError)) else type(error).__name__
            raise WrongReply(f"what cannot be decoded ({reason.rstrip('.')})") from error
        CURRENT_ATTEMPT.get().decoded = True
        return reply

    client.protocol.parse_response = parse_response


def _announcing(decode: Callable[[bytes, str], Any]) -> Callable[[bytes, str], Any]:
    """Return a decoder of GetRange that announces the start of the next page before it decodes the rows."""

    def announced(body: bytes, request_id: str) -> Any:
        if (announce := CURRENT_ATTEMPT.get().announce) is not None:
            head = table_store_pb2.GetRangeResponse.FromString(body)
            head.rows = b""
            (_, next_start, *_), _ = decode(head.SerializeToString(), request_id)
            announce(next_start)
        return decode(body, request_id)

    return announced
