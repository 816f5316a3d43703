"""Mistakes in the command line itself: unknown commands, options and arguments."""

from __future__ import annotations

from tests.cli.errors.case import Case

# fmt: off
CASES = (
    Case("A misspelt command.", "sesion",
        "No such command 'sesion'. Did you mean 'session'?", "tsmem --help"),
    Case("A misspelt command of a group.", "session lst",
        "No such command 'lst'. Did you mean 'list'?", "tsmem session --help"),
    Case("An unknown command.", "xyzzy", "No such command 'xyzzy'.", "tsmem --help"),
    Case("An option of a command before its group.", "--user ada session list",
        "No such option: --user", "options of a command go after its name; see tsmem --help"),
    Case("A misspelt option.", "session list --usr x",
        "No such option: --usr (Possible options: --user)", "tsmem session list --help"),
    Case("A misspelt global option.", "--ouput json session list",
        "No such option: --ouput (Possible options: --cost, --output)", "tsmem --help"),
    Case("A missing argument.", "session get ada",
        "Missing argument 'SESSION'.", "tsmem session get --help"),
    Case("An extra argument.", "session get ada s1 more",
        "Got unexpected extra argument(s) (more)", "tsmem session get --help"),
    Case("A session as an argument instead of --session.", "message list s1",
        "Got unexpected extra argument(s) (s1)",
        "tsmem message list --session SESSION or tsmem message list --user USER"),
    Case("A user and a session for a command that takes only a session.", "show ada s1",
        "Got unexpected extra argument(s) (s1)", "tsmem show SESSION --user USER"),
    Case("A session as an argument instead of --session or --user.", "stats s1",
        "Got unexpected extra argument(s) (s1)", "tsmem stats --session SESSION or tsmem stats --user USER"),
    Case("A file as an argument of serve instead of --path.", "serve some.db",
        "Got unexpected extra argument(s) (some.db)", "tsmem serve --path FILE", form=None),
    Case("A text of two words without quotes.", "message search full refund",
        "Got unexpected extra argument(s) (refund)",
        "put a text of several words in quotes: tsmem message search 'several words'"),
    Case("An option without its value.", "session list --limit",
        "Option '--limit' requires an argument.", None),
    Case("A missing option.", "copy --to local", "Missing option '--from'.", "tsmem copy --help"),
    Case("A flag with a value.", "session list --cost=yes",
        "Option '--cost' does not take a value.", None),
    Case("An invalid number.", "session list --limit ten",
        "Invalid value for '--limit' / '-n': 'ten' is not a valid int.", "tsmem session list --help"),
)
# fmt: on
