"""The root of the command tree: every command with its sentence, loaded when it is called."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from tsmem.cli.app.groups import CommandEntry, HouseGroup


class Root(HouseGroup):
    """`tsmem`."""

    sentence = "The memory of AI agents, sessions and messages, on Alibaba Cloud TableStore or in one local file."
    entries: ClassVar[Mapping[str, CommandEntry]] = {
        "demo": CommandEntry(
            "Try everything on a conversation of its own, in a file that is thrown away.",
            "tsmem.cli.commands.demo",
            "demo",
            formats=("table",),
        ),
        "init-tables": CommandEntry(
            "Create the tables and indexes that are missing; what exists is left as it is.",
            "tsmem.cli.commands.tables",
            "init_tables",
        ),
        "drop-tables": CommandEntry(
            "Delete both tables with everything in them, and their indexes.",
            "tsmem.cli.commands.tables",
            "drop_tables",
        ),
        "session": CommandEntry(
            "Sessions: the conversations of users.",
            "tsmem.cli.commands.session",
            "SessionGroup",
        ),
        "message": CommandEntry(
            "Messages: what was said in sessions.",
            "tsmem.cli.commands.message",
            "MessageGroup",
        ),
        "show": CommandEntry(
            "Show a conversation.",
            "tsmem.cli.commands.show",
            "show",
            "message",
        ),
        "export": CommandEntry(
            "Write sessions and messages as JSON lines: everything, one user's, or one session's.",
            "tsmem.cli.commands.transfer",
            "export",
            formats=("table", "jsonl"),
        ),
        "import": CommandEntry(
            "Read sessions and messages from JSON lines and write them.",
            "tsmem.cli.commands.transfer",
            "import_",
        ),
        "copy": CommandEntry(
            "Copy sessions and messages from one profile's store to another's, or compare both.",
            "tsmem.cli.commands.transfer",
            "copy",
        ),
        "stats": CommandEntry(
            "Count what there is, by role, day and size: everything, one user's, or one session's.",
            "tsmem.cli.commands.stats",
            "stats",
        ),
        "doctor": CommandEntry(
            "Look for what is wrong: the profile, the connection, the tables, and what is stored in them.",
            "tsmem.cli.commands.doctor",
            "doctor",
        ),
        "profile": CommandEntry(
            "Profiles: which store a command talks to.",
            "tsmem.cli.commands.profile",
            "ProfileGroup",
        ),
        "serve": CommandEntry(
            "Serve one file to TableStore SDKs, as an endpoint on this machine.",
            "tsmem.cli.commands.serve",
            "serve",
            formats=("table", "json", "jsonl"),
        ),
        "completion": CommandEntry(
            "Print the completion script of a shell: bash, zsh or fish.",
            "tsmem.cli.app.completion",
            "completion",
            formats=("table",),
        ),
        "help": CommandEntry(
            "Say more on a topic: exit-codes, filters, times, profiles or output.",
            "tsmem.cli.app.help",
            "help_",
            formats=("table",),
        ),
    }
