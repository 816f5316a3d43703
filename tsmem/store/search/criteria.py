"""The criteria of a search, and the test of a row against them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, NamedTuple

from tsmem.folding import fold
from tsmem.rows import PYTHON_TYPES, Row
from tsmem.store.layout import TableLayout
from tsmem.store.listing.cursor import Window
from tsmem.store.model import Message, Session

if TYPE_CHECKING:
    from tsmem.store.filters.row_filter import RowFilter

Sort = Literal["newest", "score"]
SORTS: tuple[Sort, ...] = ("newest", "score")


class SearchCriteria(NamedTuple):
    """The criteria of a search. Ages are already points in time."""

    text: str | None = None
    equal: Mapping[str, str] = MappingProxyType({})
    """Columns with the value they must have."""
    window: Window = Window(None, None)
    filter: RowFilter | None = None
    sort: Sort = "newest"
    dated: bool = False
    """True if items without a time are left out although the window is open, as in a listing by time."""


def row_matcher(layout: TableLayout, criteria: SearchCriteria) -> Callable[[Row, Session | Message], bool]:
    """Return the test that says whether a row, given with its item, is found."""
    folded = None if criteria.text is None else fold(criteria.text)
    since, until = criteria.window
    dated = criteria.dated or since is not None or until is not None
    passes_filter = None if criteria.filter is None else _filter_test(layout, criteria.filter)

    def matches(row: Row, item: Session | Message) -> bool:
        if any(getattr(item, name) != value for name, value in criteria.equal.items()):
            return False
        time = getattr(item, layout.time)
        if dated and (time is None or (since is not None and time < since) or (until is not None and time > until)):
            return False
        if folded is not None:
            texts = (getattr(item, name) for name in layout.texts)
            if not any(text is not None and folded in fold(text) for text in texts):
                return False
        return passes_filter is None or passes_filter(row)

    return matches


def _filter_test(layout: TableLayout, wanted: RowFilter) -> Callable[[Row], bool]:
    from tsmem.store.filters.row_filter import Readable

    return wanted.test(Readable({name: PYTHON_TYPES[kind] for name, kind in layout.schema.key}))
