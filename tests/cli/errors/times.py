"""Times that are none, or cannot be meant."""

from __future__ import annotations

from tests.cli.errors.case import Case
from tests.cli.errors.given import past_2262
from tsmem.cli.io.times import FORMS

A_TIME = f"a time is {FORMS}; tsmem help times says more"

# fmt: off
CASES = (
    Case("A word that is no time.", "session recent --user ada --since yesterday",
        "--since: 'yesterday' is no time", A_TIME),
    Case("A month that there is not.", "session recent --user ada --since 2025-13-01",
        "--since: '2025-13-01' is no time: the calendar or the clock has none such", A_TIME),
    Case("A day that there is not.", "session recent --user ada --since 2025-02-30",
        "--since: '2025-02-30' is no time: the calendar or the clock has none such", A_TIME),
    Case("Eight digits that read as a date.", "session recent --user ada --since 20251009",
        "--since: 20251009 could be a date or microseconds since 1970",
        "write 2025-10-09 for the date, 1970-01-01T00:00:20.251009Z for the microseconds"),
    Case("A time past the end of time.", "session recent --user ada --until 99999999999999999999",
        "--until: the time 99999999999999999999 does not fit in 64 bits of microseconds", A_TIME),
    Case("An age past the end of time.", "session recent --user ada --since 99999999999999w",
        "--since: the age 99999999999999 does not fit in 64 bits of microseconds", A_TIME),
    Case("More digits than microseconds have.", "session recent --user ada --since 2025-01-01T00:00:00.1234567",
        "--since: a time has at most 6 digits after the point: it is kept in microseconds", A_TIME),
    Case("A fraction of a minute.", "session recent --user ada --since 2025-01-01T00:00.5",
        "--since: a fraction needs seconds before it", A_TIME),
    Case("An offset from UTC that there is not.", "session recent --user ada --since 2025-01-01T00:00:00+99:00",
        "--since: +99:00 is no offset from UTC", A_TIME),
    Case("A negative age.", "message put s9 m9 --create-time -5d", "--create-time: '-5d' is no time", A_TIME),
    Case("A window that ends before it begins.", "session recent --user ada --since 1h --until 2h",
        "the time window is empty: since 1767222000000000 is after until 1767218400000000",
        "since is the earlier one; of two ages the longer is the earlier"),
    Case("An age that reaches back past the beginning of time.",
        "session purge --user ada --until 9000000000000000s --dry-run",
        "--until: the age 9000000000000000 does not fit in 64 bits of microseconds", A_TIME),
    Case("A clock that Python cannot read.", "message list",
        "the clock of this machine is past the year 2262", "set the clock", code="TsmemError", given=(past_2262,)),
)
# fmt: on
