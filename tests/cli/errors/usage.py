"""Mistakes on the command line itself: commands, options and arguments."""

from __future__ import annotations

from tests.cli.errors.case import Case

CASES = (
    Case(
        "A command that is nearly one.",
        "sesion",
        "No such command 'sesion'. Did you mean 'session'?",
        hint="tsmem --help",
    ),
    Case(
        "A command of a group that is nearly one.",
        "session lst",
        "No such command 'lst'. Did you mean 'list'?",
        hint="tsmem session --help",
    ),
    Case("A command that nothing resembles.", "xyzzy", "No such command 'xyzzy'.", hint="tsmem --help"),
    Case(
        "A command that another resembles from afar.",
        "version",
        "No such command 'version'. Did you mean 'session'?",
        hint="tsmem --help",
    ),
    Case("The beginning of a command.", "comp", "No such command 'comp'. Did you mean 'copy'?", hint="tsmem --help"),
    Case(
        "An option of a command before its group.",
        "--user ada session list",
        "No such option: --user",
        hint="options of a command go after its name; see tsmem --help",
    ),
    Case(
        "An option that is nearly one.",
        "session list --usr x",
        "No such option: --usr (Possible options: --user)",
        hint="tsmem session list --help",
    ),
    Case(
        "A global option that is nearly one.",
        "--ouput json session list",
        "No such option: --ouput (Possible options: --output)",
        hint="options of a command go after its name; see tsmem --help",
    ),
    Case(
        "An option that nothing resembles.",
        "session list --quux",
        "No such option: --quux",
        hint="tsmem session list --help",
    ),
    Case(
        "An argument is missing.",
        "session get ada",
        "Missing argument 'SESSION'.",
        hint="tsmem session get [OPTIONS] USER SESSION",
    ),
    Case(
        "An argument too many.",
        "session get ada s1 more",
        "Got unexpected extra argument(s) (more)",
        hint="tsmem session get [OPTIONS] USER SESSION",
    ),
    Case(
        "A session as an argument where it is an option.",
        "message list s1",
        "Got unexpected extra argument(s) (s1)",
        hint="tsmem message list --session SESSION",
    ),
    Case(
        "A user and a session where only a session is an argument.",
        "show ada s1",
        "Got unexpected extra argument(s) (s1)",
        hint="tsmem show SESSION --user USER",
    ),
    Case(
        "A session where either a session or a user may be chosen.",
        "stats s1",
        "Got unexpected extra argument(s) (s1)",
        hint="tsmem stats --session SESSION or tsmem stats --user USER",
    ),
    Case(
        "A file to be served as an argument.",
        "serve some.db",
        "Got unexpected extra argument(s) (some.db)",
        hint="tsmem serve --path FILE",
        form=None,
    ),
    Case(
        "A text of two words without quotes.",
        "message search full refund",
        "Got unexpected extra argument(s) (refund)",
        hint="put a text of several words in quotes: tsmem message search 'several words'",
    ),
    Case(
        "An argument where a command has none.",
        "doctor now",
        "Got unexpected extra argument(s) (now)",
        hint="tsmem doctor --help",
    ),
    Case(
        "An option where it is an argument.",
        "show --session s1",
        "No such option: --session (Possible options: --version)",
        hint="tsmem show [OPTIONS] SESSION",
    ),
    Case(
        "An option that commands beside this one have.",
        "session list --since 3d",
        "No such option: --since (Possible options: --user, --version)",
        hint="tsmem session recent and tsmem session search have it",
    ),
    Case(
        "An option of the command that shows messages one by one.",
        "show s1 --limit 5",
        "No such option: --limit (Possible options: --last)",
        hint="tsmem message list and tsmem message search have it",
    ),
    Case(
        "An option before the command that has it.",
        "message --sort score search tea",
        "No such option: --sort (Possible options: --stats)",
        hint="options of a command go after its name; see tsmem message --help",
    ),
    Case(
        "The beginning of an option.",
        "session list --page x",
        "No such option: --page (Possible options: --page-token)",
        hint="tsmem session list --help",
    ),
    Case(
        "An option's value is missing.",
        "session list --limit",
        "Option '--limit' requires an argument.",
        hint="tsmem session list --help",
    ),
    Case("An option is missing.", "copy --to local", "Missing option '--from'.", hint="tsmem copy --help"),
    Case(
        "A flag is given a value.",
        "session list --stats=yes",
        "Option '--stats' does not take a value.",
        hint="tsmem session list --help",
    ),
    Case(
        "A number that is none.",
        "session list --limit ten",
        "Invalid value for '--limit': 'ten' is not a valid int.",
        hint="tsmem session list --help",
    ),
    Case(
        "A number of milliseconds that is none.",
        "serve --memory --latency soon",
        "Invalid value for '--latency': 'soon' is not a valid float.",
        hint="tsmem serve --help",
    ),
)
