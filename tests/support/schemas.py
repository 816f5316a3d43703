"""Checks JSON output against the schemas of `tsmem help json`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from typing import Any

from jsonschema import Draft202012Validator

from tsmem.cli.app.help import json_schemas
from tsmem.store.documents import decode_json

SCHEMAS: dict[str, Any] = json.loads(json_schemas())
TEXT = {"export", "help", "completion"}
"""Commands whose output is the same text in every format."""
VARIANTS = ("--sessions", "--check", "--by")
"""Options with which a command writes another kind of output."""


def schema_name(command: str, argv: Sequence[str], output: str) -> str | None:
    """Return the name of the schema that a command line's output has, or None if it is not JSON."""
    variant = next((f"{command} {option}" for option in VARIANTS if option in argv), command)
    outputs = SCHEMAS["outputs"]
    found: str | None = outputs.get(variant, outputs.get(command, {})).get(output)
    return found


@cache
def _validator(name: str) -> Draft202012Validator:
    return Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": SCHEMAS["$defs"]})


def check_document(name: str, text: str) -> None:
    """Raise AssertionError if a JSON text does not match the schema of this name."""
    error = next(_validator(name).iter_errors(decode_json(text)), None)
    assert error is None, f"{name}: {error.message if error else ''} in {text[:300]}"


def check_output(command: str, argv: Sequence[str], out: bytes) -> None:
    """Check all JSON that a command wrote to stdout, unless --fields chose its keys."""
    output = next((last for first, last in pairwise(argv) if first in ("-o", "--output")), None)
    if output not in ("json", "jsonl") or not out or any(word.startswith("--fields") for word in argv):
        return
    if command in TEXT:
        return
    name = schema_name(command, argv, output)
    assert name is not None, f"no schema for the {output} of {command}"
    for text in [out] if output == "json" else out.splitlines():
        check_document(name, text.decode())
