"""Mistakes on the command line itself: commands, options and arguments."""

from __future__ import annotations

from tests.cli.errors.case import Case

CASES = (
    Case(
        "A command that is nearly one.",
        "sesion",
        "there is no command 'sesion'; did you mean 'session'?",
        hint="tsmem --help",
    ),
    Case(
        "A command of a group that is nearly one.",
        "session lst",
        "there is no command 'lst'; did you mean 'list'?",
        hint="tsmem session --help",
    ),
    Case(
        "A command that stands in groups alone.",
        "list",
        "there is no command 'list'; did you mean 'session list' or 'message list' or 'profile list'?",
        hint="tsmem --help",
    ),
    Case(
        "A command that nothing resembles.",
        "xyzzy",
        "there is no command 'xyzzy'",
        hint="tsmem --help",
    ),
    Case(
        "A topic of a group that nothing resembles.",
        "message xyzzy",
        "there is no command 'xyzzy'",
        hint="tsmem message --help",
    ),
    Case(
        "An option that is nearly one.",
        "session list --usr x",
        "there is no option '--usr'; did you mean '--user'?",
        hint="tsmem session list --help",
    ),
    Case(
        "A global option that is nearly one.",
        "--ouput json session list",
        "there is no option '--ouput'; did you mean '--output'?",
        hint="tsmem --help",
    ),
    Case(
        "An option that nothing resembles.",
        "session list --quux",
        "there is no option '--quux'",
        hint="tsmem session list --help",
    ),
    Case(
        "A short option that nothing resembles.",
        "session list -Z",
        "there is no option '-Z'",
        hint="tsmem session list --help",
    ),
    Case(
        "An argument is missing.",
        "session get ada",
        "the argument SESSION is missing",
        hint="tsmem session get USER SESSION; tsmem session list shows whose each session is",
    ),
    Case(
        "An argument too many.",
        "session get ada s1 more",
        "there are arguments too many: more",
        hint="tsmem session get USER SESSION; see tsmem session get --help",
    ),
    Case(
        "A session as an argument where it is an option.",
        "message list s1",
        "there are arguments too many: s1",
        hint="tsmem message list --session SESSION",
    ),
    Case(
        "A user as an argument where it is an option.",
        "session list ada",
        "there are arguments too many: ada",
        hint="tsmem session list --user USER",
    ),
    Case(
        "A user and a session where only a session is an argument.",
        "show ada s1",
        "there are arguments too many: s1",
        hint="tsmem show SESSION --user USER",
    ),
    Case(
        "A session where either a session or a user may be chosen.",
        "stats s1",
        "there are arguments too many: s1",
        hint="tsmem stats --user USER or tsmem stats --session SESSION",
    ),
    Case(
        "A file to be served as an argument.",
        "serve some.db",
        "there are arguments too many: some.db",
        hint="tsmem serve --path FILE",
        form=None,
    ),
    Case(
        "A text of two words without quotes.",
        "message search full refund",
        "there are arguments too many: refund",
        hint="put a text of several words in quotes: tsmem message search 'several words'",
    ),
    Case(
        "An argument where a command has none.",
        "doctor now",
        "there are arguments too many: now",
        hint="tsmem doctor --help",
    ),
    Case(
        "No session to be shown.",
        "show",
        "the argument SESSION is missing",
        hint="tsmem show SESSION; tsmem session list shows what there is",
    ),
    Case(
        "An option where it is an argument.",
        "show --session s1",
        "there is no option '--session'",
        hint="SESSION is no option here: tsmem show SESSION",
    ),
    Case(
        "A user's messages.",
        "message search --user ada tea",
        "there is no option '--user'",
        hint="messages are kept by session: tsmem session list --user USER shows a user's sessions",
    ),
    Case(
        "An option that commands beside this one have.",
        "session list --since 3d",
        "there is no option '--since'",
        hint="tsmem session recent and tsmem session search have it",
    ),
    Case(
        "An option of the command that shows messages one by one.",
        "show s1 --limit 5",
        "there is no option '--limit'",
        hint="tsmem message list and tsmem message search have it",
    ),
    Case(
        "An option before the command that has it.",
        "message --sort score search tea",
        "there is no option '--sort'",
        hint="tsmem message search has it",
    ),
    Case(
        "The beginning of an option.",
        "session list --page x",
        "there is no option '--page'; did you mean '--page-token'?",
        hint="tsmem session list --help",
    ),
    Case(
        "A command that stands above the group.",
        "session show s1",
        "there is no command 'show'; did you mean 'tsmem show'?",
        hint="tsmem session --help",
    ),
    Case(
        "An option's value is missing.",
        "session list --limit",
        "the option --limit needs a value",
        hint="tsmem session list --help",
    ),
    Case(
        "An option is missing.",
        "copy --to local",
        "the option --from is missing",
        hint="tsmem copy --from PROFILE --to PROFILE",
    ),
    Case(
        "A flag is given a value.",
        "session list --stats=yes",
        "the option --stats takes no value",
        hint="tsmem session list --help",
    ),
    Case(
        "A number that is none.",
        "session list --limit ten",
        "--limit must be a whole number, not 'ten'",
        hint="tsmem session list --help",
    ),
    Case(
        "A number with a fraction where whole ones are wanted.",
        "serve --memory --port 1.5",
        "--port must be a whole number, not '1.5'",
        hint="tsmem serve --help",
    ),
    Case(
        "A number of milliseconds that is none.",
        "serve --memory --latency soon",
        "--latency must be a number, not 'soon'",
        hint="tsmem serve --help",
    ),
    Case(
        "A session that gives a global option no value.",
        "session list --profile",
        "the option --profile needs a value",
        hint="tsmem session list --help",
    ),
)
