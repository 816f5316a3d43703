"""The whole table of errors. Rows are laid out by hand: first the cause and the command line, then the message, then
the rest.
"""

from __future__ import annotations

from tests.cli.errors import (
    choices,
    cloud,
    credentials,
    imports,
    inputs,
    outputs,
    profiles,
    records,
    rows,
    serving,
    settings,
    storage,
    usage,
    values,
)  # fmt: skip
from tests.cli.errors.case import Case

MODULES = (
    *(usage, choices, values, rows, imports, inputs, records, outputs),
    *(profiles, credentials, settings, cloud, storage, serving),
)
TABLE: tuple[Case, ...] = tuple(case for module in MODULES for case in module.CASES)
