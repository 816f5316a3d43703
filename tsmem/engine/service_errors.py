"""TableStore's errors that several modules of the engine raise, with the service's codes and texts.

Clients' test suites expect these texts, so the server sends them as they are. Source: those suites, and the service's
"Error codes" page. A text that one module alone raises stands there.
"""

from __future__ import annotations

from tsmem.errors import TsmemError, from_service


def invalid(text: str) -> TsmemError:
    return from_service("OTSParameterInvalid", text)


def write_to_index() -> TsmemError:
    return invalid("Can't write index table directly")
