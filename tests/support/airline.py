"""Real input: 200 conversations of customers with an airline's agent, with tool calls."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.cli.conftest import ROOT

DATA = ROOT.parent / "shared" / "data" / "airline-conversations.jsonl"
needs_airline = pytest.mark.skipif(not DATA.is_file(), reason="the airline conversations are not at hand")


def airline_conversations() -> list[dict[str, Any]]:
    return [json.loads(line) for line in DATA.read_bytes().splitlines()]
