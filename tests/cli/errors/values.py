"""Ids, metadata, contents and limits of what is written."""

from __future__ import annotations

from tests.cli.errors.case import Case
from tests.cli.errors.given import file

CASES = (
    Case("A user whose name is empty.", "session put ''", "the user id is empty"),
    Case("A session without a name.", "session get ada ''", "the session id is empty"),
    Case("A message without a name.", "message update s1 '' --content x", "the message id is empty"),
    Case(
        "A user id of more bytes than a key may have.",
        "session put " + "u" * 1025,
        "The length of primary key column: 'user_id' exceeds the MaxLength:1024 with CurrentLength:1025.",
        hint="an id has at most 1,024 bytes of UTF-8",
        code="LimitExceeded",
    ),
    Case(
        "Metadata without a sign.",
        "session put ada s9 -m topic",
        "'topic' is no metadata: it has none of the signs =, := and @",
        hint="write KEY=TEXT, KEY:=NUMBER, KEY:=true, KEY:=false or KEY@FILE",
    ),
    Case(
        "Metadata without a key.",
        "session put ada s9 -m =x",
        "'' cannot be a metadata key",
        hint="a key is 1 to 255 bytes of UTF-8 without a null character, and does not begin with #",
    ),
    Case(
        "A metadata key with a hash.",
        "session put ada s9 -m '#b=1'",
        "'#b' cannot be a metadata key",
        hint="a key is 1 to 255 bytes of UTF-8 without a null character, and does not begin with #",
    ),
    Case("A metadata key twice.", "session put ada s9 -m a=1 -m a=2", "metadata 'a' is given twice"),
    Case(
        "A metadata key that is a field of a session.",
        "session put ada s9 -m update_time=2",
        "'update_time' is a field of a session, so metadata cannot use the name",
        hint="reserved: search_content, session_id, update_time, user_id",
    ),
    Case(
        "A typed value that is none.",
        "session put ada s9 -m a:=yes",
        "metadata 'a': 'yes' is no JSON number or boolean",
        hint="a=TEXT keeps it as text",
    ),
    Case(
        "A typed value that is a list.",
        "session put ada s9 -m 'a:=[1]'",
        "metadata 'a': '[1]' is no JSON number or boolean",
        hint="metadata is flat; a=TEXT keeps JSON as text",
    ),
    Case(
        "A typed value that is null.",
        "session put ada s9 -m a:=null",
        "metadata 'a': 'null' is no JSON number or boolean",
        hint="there is no null; session update and message update remove a key with --unset a",
    ),
    Case(
        "A number that is not finite.",
        "session put ada s9 -m a:=NaN",
        "metadata 'a': 'NaN' is no JSON number or boolean",
        hint="numbers are finite; a=TEXT keeps it as text",
    ),
    Case(
        "A number past every float.",
        "session put ada s9 -m a:=1e999",
        "metadata 'a': '1e999' is not finite as a 64-bit number",
        hint="a=TEXT keeps it as text",
    ),
    Case(
        "An integer past 64 bits.",
        "session put ada s9 -m a:=9223372036854775808",
        "metadata 'a': '9223372036854775808' does not fit in 64 bits",
        hint="a=TEXT keeps it as text",
    ),
    Case(
        "A value from no file.",
        "session put ada s9 -m a@",
        "metadata 'a' names no file after @",
        hint="write a@FILE, or a=@ for the text @",
    ),
    Case(
        "A value from a file that is not there.",
        "session put ada s9 -m a@none.txt",
        "metadata 'a': cannot read none.txt: No such file or directory",
    ),
    Case("A key set and removed at once.", "session update ada s1 -m a=1 --unset a", "'a' is both set and removed"),
    Case(
        "A part of the key removed.",
        "session update ada s1 --unset user_id",
        "'user_id' is part of the key of a session; it cannot be removed",
    ),
    Case(
        "Content from a file that is not there.",
        "message put s9 m9 --content-file none.txt",
        "cannot read none.txt: No such file or directory",
    ),
    Case(
        "Content from a file that is no text.",
        "message put s9 m9 --content-file raw.bin",
        "raw.bin is not UTF-8 at byte 3",
        given=(file("raw.bin", b"ab\xff"),),
    ),
    Case(
        "Content from an input that is no text.",
        "message put s9 m9 --content-file -",
        "standard input is not UTF-8 at byte 1",
        stdin=b"\xff",
    ),
    Case(
        "Content of more than a column may hold.",
        "message put s9 m9 --content-file big.txt",
        "The length of attribute column: 'content' exceeds the MaxLength:2097152 with CurrentLength:2097153.",
        hint="a value has at most 2 MB: cut it into several messages or keys, or keep it elsewhere",
        code="LimitExceeded",
        given=(file("big.txt", "x" * (2 * 2**20 + 1)),),
    ),
    Case(
        "A row of more than one write may hold.",
        "session put ada s9 -m a@big.txt -m b@big.txt -m c@big.txt",
        "The total data size of the row exceeds the limit, limit size: 4194304, data size: 4718636.",
        hint="one write has at most 4 MB: write the rest with an update",
        code="LimitExceeded",
        given=(file("big.txt", "x" * (3 * 2**19)),),
    ),
    Case(
        "More columns than one write may have.",
        "session put ada s9 " + " ".join(f"-m k{n}=1" for n in range(1025)),
        "The number of attribute columns exceeds the limit, limit count: 1024, column count: 1026.",
        hint="one write has at most 1,024 columns: write the rest with an update",
        code="LimitExceeded",
    ),
)
