"""The commands of `tsmem` by module, in the order of its help, with summaries that are shown without importing them.

The order is made by hand. The rest is generated from the declarations: after a change of the first line of a help, or
with a new command, run `TSMEM_UPDATE_GOLDEN=1 pytest tests/house/test_commands.py`.
"""

from __future__ import annotations

CONTENTS: dict[str, dict[str, str]] = {
    "tsmem.cli.commands.demo": {"demo": "Try everything on a conversation of its own, in a file that is thrown away."},
    "tsmem.cli.commands.tables": {
        "init-tables": "Create the tables and indexes that are missing; what exists is left as it is.",
        "drop-tables": "Delete both tables with everything in them, and their indexes.",
    },
    "tsmem.cli.commands.session": {"session": "Sessions: the conversations of users."},
    "tsmem.cli.commands.message": {"message": "Messages: what was said in sessions."},
    "tsmem.cli.commands.show": {"show": "Show a conversation."},
    "tsmem.cli.commands.transfer": {
        "export": "Write sessions and messages as JSON lines: everything, one user's, or one session's.",
        "import": "Read sessions and messages from JSON lines and write them.",
        "copy": "Copy sessions and messages from one profile's store to another's, or compare both.",
    },
    "tsmem.cli.commands.stats": {
        "stats": "Count what there is, by role, day and size: everything, one user's, or one session's."
    },
    "tsmem.cli.commands.doctor": {
        "doctor": "Look for what is wrong: the profile, the connection, the tables, and what is stored in them."
    },
    "tsmem.cli.commands.profile": {"profile": "Profiles: which store a command talks to."},
    "tsmem.cli.commands.serve": {"serve": "Serve one file to TableStore SDKs, as an endpoint on this machine."},
    "tsmem.cli.app.help": {
        "completion": "Print the completion script of a shell: bash, zsh or fish.",
        "help": "Show a page of the manual, or the help of a command.",
    },
}
