"""Ids, metadata, contents and limits of what is written; times; filters, where the parser's own tests do not say so."""

from __future__ import annotations

import shlex

from tests.cli.errors.case import Case
from tests.cli.errors.given import file, past_2262
from tsmem.cli.io.times import FORMS

A_TIME = f"a time is {FORMS}; tsmem help times says more"
FILTERS = "see: tsmem help filters"


def _refused(cause: str, text: str, reason: str) -> Case:
    argv = f"session list --filter {shlex.quote(text)}"
    return Case(cause, argv, f"--filter: {reason}", hint=FILTERS)


# fmt: off
CASES = (
    Case("A user whose name is empty.", "session put ''", "the user id is empty"),
    Case("A message without a name.", "message update s1 '' --content x", "the message id is empty"),
    Case("A user id of more bytes than a key may have.", "session put " + "u" * 1025,
        "The length of primary key column: 'user_id' exceeds the MaxLength:1024 with CurrentLength:1025.",
        "an id has at most 1,024 bytes of UTF-8", code="LimitExceeded"),
    Case("Metadata without a sign.", "session put ada s9 -m topic",
        "'topic' is no metadata: it has none of the signs =, := and @",
        "write KEY=TEXT, KEY:=NUMBER, KEY:=true, KEY:=false or KEY@FILE"),
    Case("Metadata without a key.", "session put ada s9 -m =x",
        "'' cannot be a metadata key",
        "a key is 1 to 255 bytes of UTF-8 without a null character, and does not begin with #"),
    Case("A metadata key with a hash.", "session put ada s9 -m '#b=1'",
        "'#b' cannot be a metadata key",
        "a key is 1 to 255 bytes of UTF-8 without a null character, and does not begin with #"),
    Case("A metadata key twice.", "session put ada s9 -m a=1 -m a=2", "metadata 'a' is given twice"),
    Case("A metadata key that is a field of a session.", "session put ada s9 -m update_time=2",
        "'update_time' is a field of a session, so metadata cannot use the name",
        "reserved: search_content, session_id, update_time, user_id"),
    Case("A typed value that is none.", "session put ada s9 -m a:=yes",
        "metadata 'a': 'yes' is no JSON number or boolean", "a=TEXT keeps it as text"),
    Case("A typed value that is a list.", "session put ada s9 -m 'a:=[1]'",
        "metadata 'a': '[1]' is no JSON number or boolean", "metadata is flat; a=TEXT keeps JSON as text"),
    Case("A typed value that is null.", "session put ada s9 -m a:=null",
        "metadata 'a': 'null' is no JSON number or boolean",
        "there is no null; session update and message update remove a key with --unset a"),
    Case("A number that is not finite.", "session put ada s9 -m a:=NaN",
        "metadata 'a': 'NaN' is no JSON number or boolean", "numbers are finite; a=TEXT keeps it as text"),
    Case("A number past every float.", "session put ada s9 -m a:=1e999",
        "metadata 'a': '1e999' is not finite as a 64-bit number", "a=TEXT keeps it as text"),
    Case("An integer past 64 bits.", "session put ada s9 -m a:=9223372036854775808",
        "metadata 'a': '9223372036854775808' does not fit in 64 bits", "a=TEXT keeps it as text"),
    Case("A value from no file.", "session put ada s9 -m a@",
        "metadata 'a' names no file after @", "write a@FILE, or a=@ for the text @"),
    Case("A value from a file that is not there.", "session put ada s9 -m a@none.txt",
        "metadata 'a': cannot read none.txt: No such file or directory"),
    Case("A key set and removed at once.", "session update ada s1 -m a=1 --unset a", "'a' is both set and removed"),
    Case("A part of the key removed.", "session update ada s1 --unset user_id",
        "'user_id' is part of the key of a session; it cannot be removed"),
    Case("Content from a file that is not there.", "message put s9 m9 --content-file none.txt",
        "cannot read none.txt: No such file or directory"),
    Case("Content from a file that is no text.", "message put s9 m9 --content-file raw.bin",
        "raw.bin is not UTF-8 at byte 3", given=(file("raw.bin", b"ab\xff"),)),
    Case("Content from an input that is no text.", "message put s9 m9 --content-file -",
        "standard input is not UTF-8 at byte 1", stdin=b"\xff"),
    Case("Content of more than a column may hold.", "message put s9 m9 --content-file big.txt",
        "The length of attribute column: 'content' exceeds the MaxLength:2097152 with CurrentLength:2097153.",
        "a value has at most 2 MB: cut it into several messages or keys, or keep it elsewhere", code="LimitExceeded",
        given=(file("big.txt", "x" * (2 * 2**20 + 1)),)),
    Case("A row of more than one write may hold.", "session put ada s9 -m a@big.txt -m b@big.txt -m c@big.txt",
        "The total data size of the row exceeds the limit, limit size: 4194304, data size: 4718636.",
        "one write has at most 4 MB: write the rest with an update", code="LimitExceeded",
        given=(file("big.txt", "x" * (3 * 2**19)),)),
    Case("More columns than one write may have.", "session put ada s9 " + " ".join(f"-m k{n}=1" for n in range(1025)),
        "The number of attribute columns exceeds the limit, limit count: 1024, column count: 1026.",
        "one write has at most 1,024 columns: write the rest with an update", code="LimitExceeded"),
    Case("A word that is no time.", "session recent --user ada --since yesterday",
        "--since: 'yesterday' is no time", A_TIME),
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
    Case("A clock that Python cannot read.", "message list",
        "the clock of this machine is past the year 2262", "set the clock", code="TsmemError", given=(past_2262,)),
    Case("An empty filter.", "session list --filter ''", "--filter: the filter is empty", FILTERS),
    Case("More characters than are read.", f"session list --filter {'x' * 20_000}",
        "--filter: the filter has 20,000 characters, and at most 10,000 are read"),
    _refused("A filter that ends too early.", "topic == ", "the filter ends too early (column 9)"),
    _refused("A text that does not end.", "topic == 'x", "unterminated string literal (column 10)"),
    _refused("Brackets that do not match.", "(topic == 'x'", "'(' was never closed (column 1)"),
    _refused("A filter of a depth that nobody writes.", "not " * 60 + "a == 1",
        "the filter is nested deeper than 50 (column 201)"),
    _refused("More comparisons than are tested.", " or ".join(["a == 1"] * 201),
        "the filter has more than 200 comparisons (column 2001)"),
    _refused("Signs without end.", "-" * 9000 + "1 == a",
        "this is not in the filter language, or is nested too deeply (column 1)"),
    _refused("A null byte.", "topic == '\x00'", "this is not in the filter language (column 1)"),
    _refused("Thousands of digits.", "score == " + "9" * 5000, "this is not in the filter language (column 1)"),
    _refused("A comparison where a column stands.", "(a == b) in ['x']",
        "this is not in the filter language (column 2)"),
)
# fmt: on
