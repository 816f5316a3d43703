"""The table of errors is complete: what it does not meet, no user of the command line can cause, and the list of those
says why."""

from __future__ import annotations

from collections import Counter

from tests.cli.errors.table import TABLE
from tests.cli.errors.walk import walked
from tests.house.error_sites import Site, sites
from tests.house.unmet_errors import MODULES, SITES


def met() -> set[Site]:
    """The sites that made an error which a row of the table was told, or that called what made it."""
    places = {place for case in TABLE for place in walked(case).places}
    lines = {module: {line for at, line in places if at == module} for module, _ in places}
    return {
        site
        for site in sites()
        if not lines.get(site.module, set()).isdisjoint(range(site.first_line, site.last_line + 1))
    }


def test_every_error_is_in_the_table_or_cannot_be_caused() -> None:
    """Each place that makes an error is met by causing the table's errors, or has a reason why no user can cause it."""
    found = met()
    unexplained = [
        site.name for site in sites() if site not in found and site.name not in SITES and site.module not in MODULES
    ]

    assert [] == unexplained


def test_what_cannot_be_caused_is_there_and_is_not_caused() -> None:
    """The list of reasons names places that there are, once each, and none that the table meets."""
    found, names = met(), Counter(site.name for site in sites())
    modules = {site.module for site in sites()}

    assert [] == [name for name in SITES if name not in names]
    assert [] == [name for name in MODULES if name not in modules]
    assert [] == sorted({site.name for site in found if site.name in SITES and names[site.name] == 1})
    assert all(reason.endswith(".") for reason in (*SITES.values(), *MODULES.values()))
