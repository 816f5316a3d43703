"""TableStore's error texts, in one place, each a function that makes the error.

Its one rule: an error that the service has a code for is raised through here, with the service's own text, so that the
server answers what real clients' test suites expect. Source: those suites, and the service's "Error codes" page.
"""

from __future__ import annotations

from tsmem.errors import TsmemError, from_service

PYTHON_TO_VARIANT = {str: "VT_STRING", int: "VT_INTEGER", float: "VT_DOUBLE", bool: "VT_BOOLEAN", bytes: "VT_BLOB"}
"""How the service names the type of a value."""


def invalid(text: str) -> TsmemError:
    """A parameter that the service refuses."""
    return from_service("OTSParameterInvalid", text)


def table_missing() -> TsmemError:
    """No table, or no secondary index, of that name."""
    return from_service("OTSObjectNotExist", "Requested table does not exist.")


def table_exists() -> TsmemError:
    """A table or index of that name stands already."""
    return from_service("OTSObjectAlreadyExist", "Requested table already exists.")


def index_missing(name: str) -> TsmemError:
    """A table has no such secondary index."""
    return from_service("OTSObjectNotExist", f"Requested index '{name}' does not exist.")


def search_index_missing(name: str) -> TsmemError:
    """A table has no such search index."""
    return from_service("OTSObjectNotExist", f"search index [{name}] does not exist")


def search_index_exists(name: str) -> TsmemError:
    """A table has such a search index already."""
    return from_service("OTSObjectAlreadyExist", f"search index [{name}] already exists")


def field_missing(name: str) -> TsmemError:
    """A search index has no such field."""
    return invalid(f"field: {name} does not exist")


def has_search_index(table: str) -> TsmemError:
    """A table that cannot be deleted yet."""
    return invalid(f"Table[{table}] who has at least one search index cannot be deleted")


def too_many_tables(limit: int) -> TsmemError:
    """The instance's quota of tables, indexes included."""
    return from_service("OTSQuotaExhausted", f"Number of tables exceeds the quota:{limit}.")


def too_many_indexes(limit: int) -> TsmemError:
    """The quota of secondary indexes of one table."""
    return invalid(f"Number of index per table exceeds the quota:{limit}.")


def condition_failed() -> TsmemError:
    """A condition on the row did not hold."""
    return from_service("OTSConditionCheckFail", "Condition check failed.")


def key_size(given: int, wanted: int) -> TsmemError:
    """A primary key of another number of columns."""
    return from_service("OTSInvalidPK", f"Validate PK size fail. Input: {given}, Meta: {wanted}.")


def key_name(given: str, wanted: str) -> TsmemError:
    """A primary key column of another name."""
    return from_service("OTSInvalidPK", f"Validate PK name fail. Input: {given}, Meta: {wanted}.")


def key_type(given: type, wanted: type) -> TsmemError:
    """A primary key value of another type."""
    variant = PYTHON_TO_VARIANT.get(given, f"VT_{given.__name__.upper()}")
    return from_service("OTSInvalidPK", f"Validate PK type fail. Input: {variant}, Meta: {PYTHON_TO_VARIANT[wanted]}.")


def update_with_ttl() -> TsmemError:
    """A table whose rows expire and may be updated cannot have an index."""
    return invalid("Don't support allow update operation on table with index and ttl")


def versions_not_positive() -> TsmemError:
    """A number of versions below 1."""
    return invalid("The maximum versions cannot be less than or equal to 0.")


def update_not_allowed() -> TsmemError:
    """An update of a row of a table that does not allow it. The service's own text is not known."""
    return invalid("UpdateRow is not supported on a table whose allow_update is false.")


def too_many_columns(limit: int, count: int) -> TsmemError:
    """A write of more columns than one may have."""
    text = f"The number of attribute columns exceeds the limit, limit count: {limit}, column count: {count}."
    return from_service("OTSOutOfColumnCountLimit", text)


def row_too_large(limit: int, size: int) -> TsmemError:
    """A write of more bytes than one row may have."""
    text = f"The total data size of the row exceeds the limit, limit size: {limit}, data size: {size}."
    return from_service("OTSOutOfRowSizeLimit", text)


def column_is_key(name: str) -> TsmemError:
    """A primary key column where an attribute column must stand."""
    return invalid(f"Column '{name}' is a primary key column and cannot be an attribute column.")


def bound_in_key(bound: str) -> TsmemError:
    """MIN or MAX where a value must stand."""
    return invalid(f"VT_INF_{bound} is an invalid type for the primary key.")


def write_to_index() -> TsmemError:
    """A write that names a secondary index."""
    return invalid("Can't write index table directly")


def repeated_rows() -> TsmemError:
    """A batch with a key twice and an existence condition."""
    return invalid("Repeated rows do not support row exist expectation check in BatchModify.")


def no_cells() -> TsmemError:
    """An update that changes nothing."""
    return invalid("Invalid update row request: missing cells in request.")


def begin_not_before_end(backward: bool) -> TsmemError:
    """A range that is empty by its bounds."""
    side, direction = ("more", "BACKWARD") if backward else ("less", "FORWARD")
    return invalid(f"Begin key must {side} than end key in {direction}")


def limit_not_positive() -> TsmemError:
    """A limit below 1."""
    return invalid("The limit must be greater than 0.")
