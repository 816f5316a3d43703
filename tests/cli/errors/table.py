"""The table as a whole."""

from __future__ import annotations

from tests.cli.errors import cloud, filters, imports, profiles, rows, serving, storage, times, usage, values
from tests.cli.errors.case import Case

MODULES = (usage, values, times, filters, rows, imports, profiles, cloud, storage, serving)
TABLE: tuple[Case, ...] = tuple(case for module in MODULES for case in module.CASES)
