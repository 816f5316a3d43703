"""One golden file for each command and format: the output in a pipe, and on a terminal of 80 columns.

`TSMEM_UPDATE_GOLDEN=1 pytest tests/cli/test_golden.py` writes them again. Review the difference before you commit it.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tsmem.store import Message, Metadata, Session

GOLDEN = Path(__file__).parent / "golden"
RULE = "\n======== on a terminal of {} columns ========\n"
WIDTHS = {"doctor": 300}
"""Widths for commands that show a path, whose length differs between machines."""
DAY = 86_400_000_000
NOW = 1_767_225_600_000_000

CALL = '[{"id":"c1","function":{"name":"find","arguments":"{\\"flight\\": \\"NH 209\\"}"}}]'
CALLS = Metadata({"tool_calls": CALL, "_json": "tool_calls"})
FORGED = "Yes: \x1b[31mon time\u202e, says the board. "
ITEMS: list[Session | Message] = [
    Session("ada", "trip-7", NOW - DAY, "flight to Kyoto", Metadata({"topic": "travel", "score": 0.5, "vip": True})),
    Session("ada", "0b3c8f3e-4a6b-4a53-9d5c-2f1f6f9f0c11", NOW - 40 * DAY, None, Metadata({"raw": b"\x00\xff"})),
    Session("ada", "invoice", None, "", Metadata()),
    Session("bob", "退款", NOW - 5, None, Metadata({"n": 2**63 - 1, "text_five": "5", "empty": ""})),
    Message("trip-7", "000000", NOW - DAY, "user", "Is my flight on time?\nIt is 航班 NH 209.", None, Metadata()),
    Message("trip-7", "000001", NOW - DAY + 2_500_000, "assistant", None, None, CALLS),
    Message("trip-7", "000002", NOW - DAY + 3_000_000, "tool", '{"delay": 0}', None, Metadata({"name": "find"})),
    Message("trip-7", "000003", NOW - 1, "assistant", FORGED * 4, "on time", Metadata()),
    Message("trip-7", "000004", NOW, "assistant", "", None, Metadata({"draft": False})),
]

COMMANDS: dict[str, tuple[str, ...]] = {
    "session-get": ("session", "get", "ada", "trip-7"),
    "session-list": ("session", "list"),
    "session-list-fields": ("session", "list", "--user", "ada", "--fields", "session_id,metadata.topic,metadata.raw"),
    "message-get": ("message", "get", "trip-7", "000003"),
    "message-list": ("message", "list"),
    "show": ("show", "trip-7", "--user", "ada"),
    "init-tables": ("init-tables", "--dry-run"),
    "purge": ("session", "purge", "--user", "ada", "--until", "30d", "--with-messages", "--dry-run"),
    "import": ("import", "--dry-run"),
    "stats": ("stats",),
    "doctor": ("doctor",),
    "profile-list": ("profile", "list"),
    "profile-show": ("profile", "show", "prod"),
    "error": ("session", "get", "ada", "nothing"),
}
PROFILES = """\
default_profile = "local"

[profiles.prod]
backend = "tablestore"
endpoint = "https://my-instance.cn-hangzhou.ots.aliyuncs.com"
instance = "my-instance"
access_key_id = "env:KEY_ID"
access_key_secret = "plainly written"
"""


@pytest.fixture
def filled(ready: Cli) -> Cli:
    ready.fill(ITEMS)
    return ready


@pytest.mark.parametrize("output", ["table", "json", "jsonl", "csv"])
@pytest.mark.parametrize("name", COMMANDS)
def test_output_matches_the_golden_file(filled: Cli, name: str, output: str) -> None:
    argv = ("-o", output, *COMMANDS[name])
    environ = {}
    if name.startswith("profile"):
        Path("config.toml").write_text(PROFILES)
        Path("config.toml").chmod(0o600)
        environ = {"TSMEM_CONFIG": "config.toml", "XDG_DATA_HOME": "/home/ada/.local/share"}
    stdin = b'{"user_id": "u", "session_id": "s"}\n'
    piped = filled(*argv, stdin=stdin, environ=environ)
    width = WIDTHS.get(name, 80)
    shown = filled(*argv, "--color", "never", stdin=stdin, environ=environ, width=width)
    rule = RULE.format(width).encode()
    if name.startswith("error"):
        assert (piped.out, shown.out) == (b"", b"")
        actual = piped.err.encode() + rule + shown.err.encode()
    else:
        actual = piped.out + rule + shown.out
    actual = actual.replace(str(filled.folder).encode(), b"FOLDER")
    actual = re.sub(rb'(?<="next_page_token": ")[\w-]+', b"TOKEN", actual)

    path = GOLDEN / f"{name}.{output}.txt"
    if os.environ.get("TSMEM_UPDATE_GOLDEN"):
        path.write_bytes(actual)
    assert path.read_bytes() == actual


def test_every_golden_file_belongs_to_a_case() -> None:
    expected = sorted(f"{name}.{output}.txt" for name in COMMANDS for output in ("table", "json", "jsonl", "csv"))
    assert sorted(path.name for path in GOLDEN.iterdir()) == expected
