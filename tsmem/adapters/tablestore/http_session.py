"""One SDK client over our transport: calls of the SDK that end in time, are metered and logged, and fail as ours do.

Its one rule: nothing of the SDK leaves it but through `call`. The SDK's own retries are off: tsmem.retry repeats, and
says through a Deadline how long one attempt may take. What never left this machine is not counted as a request.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from tsmem.adapters.naming import name_missing
from tsmem.adapters.redaction import hide
from tsmem.adapters.tablestore.errors import translate
from tsmem.adapters.tablestore.replies import install
from tsmem.adapters.tablestore.schemas import extend
from tsmem.adapters.tablestore.sdk import ots, quiet_logger
from tsmem.adapters.tablestore.transport import (
    CURRENT_ATTEMPT,
    MAX_ANSWER_BYTES,
    HttpAttempt,
    ServiceDate,
    Transport,
    attempt_s,
)
from tsmem.errors import ProfileError, TsmemError, Unavailable
from tsmem.port import Cost, Meter
from tsmem.profiles.model import Credentials, Profile
from tsmem.retry import Deadline

T = TypeVar("T")

Log = Callable[[str], None]
"""Takes a line about each request: operation, table, rows, milliseconds, request id, error code."""


_MAX_OTHER_BYTES = 4 * 2**20
"""Of an answer without rows: names, schemas, outcomes."""
_MAX_BYTES = {
    "GetRow": MAX_ANSWER_BYTES,
    "BatchGetRow": MAX_ANSWER_BYTES,
    "Search": MAX_ANSWER_BYTES,
    "GetRange": 64 * 2**20,
}
"""Of an answer, by operation. A page has 4 MB of names and values. On the wire a cell of 2 bytes takes 25, so a page of
nothing but the smallest cells is 50 MB."""


class HttpSession:
    """Connections and credentials of one profile. The secrets are revealed once, here."""

    def __init__(self, profile: Profile, deadline: Deadline | None = None, log: Log | None = None) -> None:
        """Without a deadline each call may take the profile's whole timeout. Raises ProfileError."""
        self.meter = Meter()
        self._closed = False
        self._dated: ServiceDate | None = None
        self._deadline = deadline
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
                retry_policy=ots.NoRetryPolicy(), logger_name=quiet_logger(),
            )  # fmt: skip
        except ots.OTSClientError as error:
            raise ProfileError(f"profile '{profile.name}': {error.message}") from error
        self._client.connection = self._transport
        extend(self._client)
        install(self._client)

    def call(self, operation: str, asked: str | tuple[str, ...], request: Callable[[Any, HttpAttempt], T]) -> T:
        """Make a request with the SDK's client, and read its answer. `request` notes rows and cost in the exchange;
        `asked` are the tables that it is about.

        Raises one of tsmem.errors, Unavailable when the attempt's time is up. Cost: 1 request where something was sent,
        and what was noted."""
        self._require_open()
        tables = (asked,) if isinstance(asked, str) else asked
        allowed_s = self._allowed_s()
        if allowed_s <= 0:
            raise Unavailable(f"there was no time left to ask {self._transport.host}")
        started_s = time.monotonic()
        exchange = HttpAttempt(started_s + allowed_s, self._allowed_s)
        exchange.operation, exchange.max_bytes = operation, _MAX_BYTES.get(operation, _MAX_OTHER_BYTES)
        token = CURRENT_ATTEMPT.set(exchange)
        error: TsmemError | None = None
        try:
            return request(self._client, exchange)
        except Exception as failure:
            hide(exchange.signatures)  # the cause that a traceback shows may hold them
            if not exchange.sent:
                self._require_open()  # closed meanwhile
            error = translate(failure, exchange, self._transport.host, self._secrets)
            name_missing(error, tables)
            if error is None or error is failure:
                raise
            raise error from failure
        finally:
            CURRENT_ATTEMPT.reset(token)
            self._dated = exchange.dated or self._dated
            self.meter.add(exchange.cost.plus(Cost(1 if exchange.sent else 0)))
            if self._log is not None and (exchange.sent or isinstance(error, Unavailable)):
                self._log(_line(operation, tables, exchange, time.monotonic() - started_s, error))

    def clock_skew_s(self) -> float | None:
        """As TableClient."""
        return None if self._dated is None else self._dated.skew_s()

    def _require_open(self) -> None:
        if self._closed:
            raise TsmemError("the store is closed")

    def _allowed_s(self) -> float:
        left_s = None if self._deadline is None else self._deadline.left_s()
        return self._timeout_s if left_s is None else attempt_s(left_s)

    def close(self) -> None:
        """Close connections: what is asked from now on fails. Closing twice is no error."""
        self._closed = True
        self._transport.close()


def _transport(profile: Profile) -> Transport:
    """Raises ProfileError for a file of certificates that cannot be used."""
    ca_file = None if profile.ca_file is None else str(profile.ca_file)
    try:
        return Transport(profile.endpoint or "", ca_file, profile.ca_folders)
    except OSError as error:
        where = f"{profile.ca_file} ({profile.origins.get('ca_file')})"
        reason = "holds no certificates in PEM form" if isinstance(error, ssl.SSLError) else error.strerror
        raise ProfileError(f"profile '{profile.name}': the file of certificates {where}: {reason}") from error


def _check_headers(profile: Profile, credentials: Credentials) -> None:
    """Raises ProfileError, without the value, for what the header that is to carry it cannot."""
    carried = (
        ("instance", profile.instance),
        ("access_key_id", credentials.access_key_id),
        ("security_token", credentials.security_token),
    )
    for setting, text in carried:
        if text and not all("!" <= char <= "~" for char in text):
            raise ProfileError(
                f"profile '{profile.name}': '{setting}' holds a character that no request can carry",
                hint="it is letters, digits and signs of ASCII, without spaces or line ends",
            )
    if ":" in credentials.access_key_id:
        raise ProfileError(
            f"profile '{profile.name}': 'access_key_id' holds a colon, which no access key id has",
            hint="the id alone, without the secret",
        )


def _line(
    operation: str, tables: Sequence[str], exchange: HttpAttempt, seconds: float, error: TsmemError | None
) -> str:
    parts = [" ".join((operation, *tables))]
    if exchange.rows is not None:
        parts.append("1 row" if exchange.rows == 1 else f"{exchange.rows} rows")
    parts.append(f"{seconds * 1000:.1f} ms")
    request_id = exchange.request_id or (error and error.request_id)
    if request_id:
        parts.append(f"request {request_id}")
    if error is not None:
        parts.append(error.service_code or error.code)
    return ", ".join(parts)
