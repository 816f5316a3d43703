"""Filters on packed rows, which reject rows before they are unpacked."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.filters import COLUMNS, VALUES, service_filter_matches
from tsmem.engine.rows.cells import pack
from tsmem.engine.rows.filters import compile_filter, compile_prefilter
from tsmem.rows import And, Comparison, Filter, Key, Not, Op, Or, Value

NAMES = ("k", "i")
TESTS: st.SearchStrategy[Filter] = st.recursive(
    st.builds(Comparison, st.sampled_from([*NAMES, *COLUMNS]), st.sampled_from(list(Op)), VALUES, st.booleans()),
    lambda parts: st.one_of(
        st.builds(Not, parts),
        st.builds(And, st.tuples(parts, parts)),
        st.builds(Or, st.tuples(parts, parts)),
    ),
    max_leaves=6,
)
ROWS = st.dictionaries(st.sampled_from(COLUMNS), VALUES)


@settings(max_examples=50)
@given(TESTS, ROWS, st.sampled_from(["", "a", "5"]), st.sampled_from([0, 5]))
def test_the_filter_on_packed_rows_rejects_no_matching_row(
    test: Filter, columns: Mapping[str, Value], text: str, number: int
) -> None:
    """The check of the packed bytes can let non-matching rows through, because each row is tested again after
    unpacking."""
    key: Key = (text, number)
    passes = compile_filter(test, NAMES)(key, columns)
    can_pass = compile_prefilter(test, NAMES)

    assert passes is service_filter_matches(test, {"k": text, "i": number, **columns})
    assert not passes or can_pass is None or can_pass(key, pack(10, columns, 1))
