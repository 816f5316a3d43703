"""The table of errors is complete: what it does not meet, no user of the command line can cause, and a list of those
says why."""

from __future__ import annotations

from collections import Counter, defaultdict
from functools import cache

import pytest

from tests.cli.errors.table import TABLE
from tests.cli.errors.walk import walked
from tests.house.error_sites import Site, sites
from tests.house.unmet_errors import COUNTED, SITES


@cache
def met() -> frozenset[Site]:
    """The sites that made an error which a row of the table was told, or that called what made it."""
    lines: defaultdict[str, set[int]] = defaultdict(set)
    for case in TABLE:
        for module, line in walked(case).places:
            lines[module].add(line)
    return frozenset(
        site for site in sites() if not lines[site.module].isdisjoint(range(site.first_line, site.last_line + 1))
    )


def test_every_error_is_in_the_table_or_cannot_be_caused() -> None:
    """Each place that makes an error is met by causing the table's errors, or has a reason why no user can cause it."""
    unexplained = [
        site.name for site in sites() if site not in met() and site.name not in SITES and site.module not in COUNTED
    ]

    assert [] == unexplained


@pytest.mark.parametrize("module", COUNTED)
def test_errors_for_clients_of_the_server_are_counted(module: str) -> None:
    """In a module whose errors are not for users there are as many that the table does not meet as are known."""
    unmet = [site.name for site in sites() if site.module == module and site not in met() and site.name not in SITES]

    assert COUNTED[module][0] == len(unmet), unmet


def test_what_cannot_be_caused_is_there_and_is_not_caused() -> None:
    """The list of reasons names places that there are, and none that the table meets; each has a sentence for it."""
    names = Counter(site.name for site in sites())
    reasons = [*SITES.values(), *(reason for _, reason in COUNTED.values())]

    assert [] == [name for name in SITES if name not in names]
    assert [] == sorted({site.name for site in met() if site.name in SITES and names[site.name] == 1})
    assert all(reason.endswith(".") for reason in reasons)
