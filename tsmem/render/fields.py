"""`--fields`: which fields of a session or message are shown, in every format alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tsmem.errors import InvalidInput
from tsmem.limits import is_column_name
from tsmem.nearest import nearest_names
from tsmem.render.result import Noun
from tsmem.store.documents import FIELDS

METADATA_PREFIX = "metadata."


def check_fields(noun: Noun, fields: Sequence[str]) -> None:
    """Raises InvalidInput unless each is a field of the noun, or `metadata.<key>`, and none is named twice."""
    if not fields:
        raise InvalidInput("no field is named", hint=_listed(noun))
    for position, field in enumerate(fields):
        if not _is_field(noun, field):
            raise _unknown(noun, field)
        if field in fields[:position]:
            raise InvalidInput(f"the field '{field}' is named twice")


def pick(document: Mapping[str, Any], fields: Sequence[str]) -> dict[str, Any]:
    """The named fields of an item's document, in the order asked; a missing metadata value is null."""
    return {
        field: document["metadata"].get(field.removeprefix(METADATA_PREFIX))
        if field.startswith(METADATA_PREFIX)
        else document[field]
        for field in fields
    }


def _is_field(noun: Noun, field: str) -> bool:
    if field.startswith(METADATA_PREFIX):
        return is_column_name(field.removeprefix(METADATA_PREFIX))
    return field in FIELDS[noun]


def _unknown(noun: Noun, field: str) -> InvalidInput:
    near = nearest_names(field, FIELDS[noun])
    if not near and is_column_name(field) and not any(field in fields for fields in FIELDS.values()):
        near = [f"{METADATA_PREFIX}{field}"]
    question = f"; did you mean '{near[0]}'?" if near else ""
    return InvalidInput(f"a {noun} has no field '{field}'{question}", hint=_listed(noun))


def _listed(noun: Noun) -> str:
    return f"its fields are {', '.join(FIELDS[noun])} and metadata.<key>"
