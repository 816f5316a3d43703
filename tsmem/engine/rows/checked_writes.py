"""A write that was checked before its row is read: the old row, its condition, and what the write costs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from tsmem.engine.file.connections import Transaction
from tsmem.engine.rows.cells import unpack, unpack_cells
from tsmem.engine.rows.filters import Predicate, Versions, needs_versions
from tsmem.engine.tables import Table
from tsmem.errors import TsmemError
from tsmem.limits import capacity_units
from tsmem.port import Cost
from tsmem.rows import UNCONDITIONAL, Existence, Value

if TYPE_CHECKING:
    from tsmem.engine.rows.changes import RowChange

CONDITION_FAILED = Cost(0, 1, 1)


class CheckedWrite(NamedTuple):
    """The write of one row, checked as far as that is possible without the row."""

    write: RowChange
    table: Table
    size: int
    """Bytes of what is written."""
    passes: Predicate | None
    """The column condition."""
    error: TsmemError | None
    """Why it will not be done; None if nothing is wrong with it."""


def old_row(transaction: Transaction, draft: CheckedWrite, *, always: bool) -> bytes | None:
    """Return the cells of the row, if an index or a condition depends on them, or always."""
    write, table = draft.write, draft.table
    if not (always or table.needs_old_row or write.condition is not UNCONDITIONAL):
        return None
    found = transaction.execute(table.read_sql, write.key).fetchone()
    return None if found is None else found[0]


def holds(draft: CheckedWrite, old: bytes | None) -> bool:
    """True if the write's condition holds for the row as it is."""
    condition = draft.write.condition
    if condition is UNCONDITIONAL:
        return True
    if condition.existence is Existence.EXPECT_EXIST and old is None:
        return False
    if condition.existence is Existence.EXPECT_NOT_EXIST and old is not None:
        return False
    if draft.passes is None or condition.filter is None:
        return True
    columns: Mapping[str, Value]
    if needs_versions(condition.filter):
        columns = Versions(() if old is None else unpack_cells(old), draft.table.max_versions)
    else:
        columns = {} if old is None else unpack(old)[1]
    return draft.passes(draft.write.key, columns)


def cost(draft: CheckedWrite, old: bytes | None) -> Cost:
    """Return the cost of a write that was done."""
    condition = draft.write.condition
    if condition is UNCONDITIONAL:
        return Cost(0, 0, capacity_units(draft.size))
    read = 0
    if draft.passes is not None:
        read = capacity_units(0 if old is None else unpack(old)[0])
    elif condition.existence is not Existence.IGNORE:
        read = 1
    return Cost(0, read, capacity_units(draft.size))
