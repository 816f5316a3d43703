"""TableStore's errors that several modules of the engine raise, with the service's codes and texts.

Clients' test suites expect these texts, so the server sends them as they are. Source: those suites, and the service's
"Error codes" page. A text that one module alone raises stands there.
"""

from __future__ import annotations

from tsmem.errors import TsmemError, from_service


def invalid(text: str) -> TsmemError:
    return from_service("OTSParameterInvalid", text)


def table_missing() -> TsmemError:
    return from_service("OTSObjectNotExist", "Requested table does not exist.")


def table_exists() -> TsmemError:
    return from_service("OTSObjectAlreadyExist", "Requested table already exists.")


def too_many_indexes(limit: int) -> TsmemError:
    return invalid(f"Number of index per table exceeds the quota:{limit}.")


def update_with_ttl() -> TsmemError:
    return invalid("Don't support allow update operation on table with index and ttl")


def versions_not_positive() -> TsmemError:
    return invalid("The maximum versions cannot be less than or equal to 0.")


def column_is_key(name: str) -> TsmemError:
    return invalid(f"Column '{name}' is a primary key column and cannot be an attribute column.")


def write_to_index() -> TsmemError:
    return invalid("Can't write index table directly")
