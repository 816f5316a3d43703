from __future__ import annotations

import pytest

from tsmem.store import Message, Metadata
from tsmem.store.failures import is_failed


@pytest.mark.parametrize(
    ("content", "metadata"),
    [
        ("Error: no such flight", {}),
        ("  ERROR no such flight", {}),
        ("[error] no such flight", {}),
        ('{"error": {"code": 7}}', {}),
        (' {"is_error": true, "n": 1}', {}),
        ("fine", {"is_error": True}),
        ("fine", {"is_error": "true"}),
        (None, {"error": "timeout"}),
    ],
)
def test_a_tool_message_that_reports_an_error_has_failed(content: str | None, metadata: dict[str, str | bool]) -> None:
    assert is_failed(Message("s", "m", 1, "tool", content, None, Metadata(metadata)))
    assert not is_failed(Message("s", "m", 1, "assistant", content, None, Metadata(metadata)))


@pytest.mark.parametrize(
    ("content", "metadata"),
    [
        (None, {}),
        ("no error", {}),
        ("errors: 0", {}),
        ('{"error": null, "is_error": false}', {}),
        ('{"errors": []}', {}),
        ('{"error": "cut', {}),
        ('["error"]', {}),
        ('{"error": ' + "[" * 100_000, {}),
        ("fine", {"is_error": False, "error": ""}),
    ],
)
def test_a_tool_message_without_an_error_has_not_failed(content: str | None, metadata: dict[str, str | bool]) -> None:
    assert not is_failed(Message("s", "m", 1, "tool", content, None, Metadata(metadata)))
