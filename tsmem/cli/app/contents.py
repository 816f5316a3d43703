"""The commands of `tsmem`, in the order of its help: what can be said of them before their modules are imported.

The order is made by hand, the rest is generated from the declarations: after a change of a summary, or with a new
command, run `TSMEM_UPDATE_GOLDEN=1 pytest tests/house/test_commands.py`.
"""

from __future__ import annotations

from typing import NamedTuple


class ContentsEntry(NamedTuple):
    """A command or group of commands."""

    module: str
    summary: str


CONTENTS: dict[str, ContentsEntry] = {
    "demo": ContentsEntry(
        "tsmem.cli.commands.demo",
        "Try everything on a conversation of its own, in a file that is thrown away.",
    ),
    "init-tables": ContentsEntry(
        "tsmem.cli.commands.tables",
        "Create the tables and indexes that are missing; what exists is left as it is.",
    ),
    "drop-tables": ContentsEntry(
        "tsmem.cli.commands.tables",
        "Delete both tables with everything in them, and their indexes.",
    ),
    "session": ContentsEntry(
        "tsmem.cli.commands.session",
        "Sessions: the conversations of users.",
    ),
    "message": ContentsEntry(
        "tsmem.cli.commands.message",
        "Messages: what was said in sessions.",
    ),
    "show": ContentsEntry(
        "tsmem.cli.commands.show",
        "Show a conversation.",
    ),
    "export": ContentsEntry(
        "tsmem.cli.commands.transfer",
        "Write sessions and messages as JSON lines: everything, one user's, or one session's.",
    ),
    "import": ContentsEntry(
        "tsmem.cli.commands.transfer",
        "Read sessions and messages from JSON lines and write them.",
    ),
    "copy": ContentsEntry(
        "tsmem.cli.commands.transfer",
        "Copy sessions and messages from one profile's store to another's, or compare both.",
    ),
    "stats": ContentsEntry(
        "tsmem.cli.commands.stats",
        "Count what there is, by role, day and size: everything, one user's, or one session's.",
    ),
    "doctor": ContentsEntry(
        "tsmem.cli.commands.doctor",
        "Look for what is wrong: the profile, the connection, the tables, and what is stored in them.",
    ),
    "profile": ContentsEntry(
        "tsmem.cli.commands.profile",
        "Profiles: which store a command talks to.",
    ),
    "serve": ContentsEntry(
        "tsmem.cli.commands.serve",
        "Serve one file to TableStore SDKs, as an endpoint on this machine.",
    ),
    "completion": ContentsEntry(
        "tsmem.cli.app.completion",
        "Print the completion script of a shell: bash, zsh or fish.",
    ),
    "help": ContentsEntry(
        "tsmem.cli.app.help",
        "Say more on a topic: exit-codes, filters, times, profiles or output.",
    ),
}
