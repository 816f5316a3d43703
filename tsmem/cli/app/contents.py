"""The commands of `tsmem`: their modules, their names and their summaries.

The modules are listed by hand, the rest is generated. A new command also needs a place in `HEADINGS` of
`command_tree.py`. After adding a command or changing the first line of a help, run
`TSMEM_UPDATE_GOLDEN=1 pytest tests/house/test_commands.py`.
"""

from __future__ import annotations

CONTENTS: dict[str, dict[str, str]] = {
    "tsmem.cli.commands.demo": {"demo": "Try tsmem on sample conversations, in a file that is deleted afterwards."},
    "tsmem.cli.commands.tables": {
        "init-tables": "Create missing tables and indexes; existing ones are never changed.",
        "drop-tables": "Delete both tables, their data and their indexes.",
    },
    "tsmem.cli.commands.session": {"session": "List, find, write and delete sessions."},
    "tsmem.cli.commands.message": {"message": "List, find, write and delete messages."},
    "tsmem.cli.commands.show": {"show": "Show a conversation, or a part of it."},
    "tsmem.cli.commands.diff": {"diff": "Compare two conversations, and show what differs."},
    "tsmem.cli.commands.transfer": {
        "export": "Write sessions and messages to a file of JSON lines.",
        "import": "Read sessions and messages from a file into the store.",
        "copy": "Copy sessions and messages from one profile to another, or compare the two stores.",
    },
    "tsmem.cli.commands.stats": {
        "stats": "Count sessions, messages (by role and day) and bytes, or rows by the values of fields."
    },
    "tsmem.cli.commands.fields": {"fields": "List the fields and metadata keys that sessions and messages have."},
    "tsmem.cli.commands.doctor": {
        "doctor": "Check the profile, the connection, the tables and the stored data for problems."
    },
    "tsmem.cli.commands.profile": {"profile": "Manage profiles. A profile says which store a command talks to."},
    "tsmem.cli.commands.serve": {
        "serve": "Run a TableStore-compatible endpoint on this machine, backed by a file or memory."
    },
    "tsmem.cli.app.help": {
        "completion": "Print the completion script for bash, zsh or fish.",
        "help": "Show a page of the manual, or the help of a command.",
    },
    "tsmem.cli.commands.search": {
        "search": "Find messages that contain a text, and show them in their conversations, newest first."
    },
    "tsmem.cli.commands.next": {"next": "Show the next page of the last listing at this terminal."},
}
