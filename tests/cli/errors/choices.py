# ruff: noqa: E501 - sentences stand as they are told
"""Options whose values are none, or do not go together."""

from __future__ import annotations

from tests.cli.errors.case import Case

CASES = (
    Case("A negative limit.", "session list --limit -1", "--limit must be 0 (for all) or more, not -1"),
    Case(
        "An output format of the command line that there is not.",
        "-o xml session list",
        "there is no output format 'xml'",
        hint="the formats are table, json, jsonl, csv",
        form=None,
    ),
    Case(
        "JSON asked of a command that writes JSON lines.",
        "export -o json",
        "tsmem export has an output of its own, which is not json",
        hint="its formats are table, jsonl",
        form=None,
    ),
    Case(
        "JSON asked of a command that writes text.",
        "completion bash -o json",
        "tsmem completion has an output of its own, which is not json",
        hint="leave out --output",
        form=None,
    ),
    Case("An argument in no Unicode.", "session get ada 's\udcff'", "the argument 's\\udcff' is not valid UTF-8"),
    Case(
        "A shell without completion.",
        "completion csh",
        "there is no completion for 'csh'",
        hint="the shells are bash, zsh, fish",
        form=None,
    ),
    Case(
        "Help on what there is not.",
        "help filtres",
        "there is no help on 'filtres'; did you mean 'filters'?",
        hint="the topics are exit-codes, filters, times, profiles, output",
        form=None,
    ),
    Case(
        "Help on a command that there is not.",
        "help session lst",
        "there is no help on 'session lst'; did you mean 'session list'?",
        hint="the topics are exit-codes, filters, times, profiles, output",
        form=None,
    ),
    Case(
        "Help on a command behind a command.",
        "help session list more",
        "there is no help on 'session list more'",
        hint="the topics are exit-codes, filters, times, profiles, output",
        form=None,
    ),
    Case(
        "Fields of a command that shows none.",
        "init-tables --fields role",
        "--fields chooses among the fields of sessions and messages, and this command shows neither",
    ),
    Case(
        "No field.",
        "session list --fields ''",
        "no field is named",
        hint="its fields are user_id, session_id, update_time, search_content, metadata and metadata.<key>",
    ),
    Case("A field named twice.", "session list --fields user_id,user_id", "the field 'user_id' is named twice"),
    Case(
        "A field that is nearly one.",
        "session put ada s9 --fields user",
        "a session has no field 'user'; did you mean 'user_id'?",
        hint="its fields are user_id, session_id, update_time, search_content, metadata and metadata.<key>",
    ),
    Case(
        "A field that nothing resembles, which metadata may have.",
        "message list --fields xyzzy",
        "a message has no field 'xyzzy'; did you mean 'metadata.xyzzy'?",
        hint="its fields are session_id, message_id, create_time, role, content, search_content, metadata and metadata.<key>",
    ),
    Case(
        "A field of the other noun.",
        "message list --fields user_id",
        "a message has no field 'user_id'",
        hint="its fields are session_id, message_id, create_time, role, content, search_content, metadata and metadata.<key>",
    ),
    Case(
        "A metadata field without a name.",
        "session list --fields metadata.",
        "a session has no field 'metadata.'; did you mean 'metadata'?",
        hint="its fields are user_id, session_id, update_time, search_content, metadata and metadata.<key>",
    ),
    Case(
        "Whom to purge is not said.",
        "session purge --yes",
        "say whose sessions: --user USER, or --everyone",
        hint="one of them, and not both",
    ),
    Case(
        "What to purge is said in two ways.",
        "message purge --session s1 --everything --yes",
        "say which messages: --session SESSION, or --everything",
        hint="one of them, and not both",
    ),
    Case(
        "A purge that nobody can be asked about.",
        "session purge --everyone",
        "cannot ask for confirmation: not a terminal",
        hint="--yes does it in FOLDER/data/tsmem/memory.db without asking",
    ),
    Case("An order that there is not.", "message list --session s1 --order up", "--order is asc or desc, not 'up'"),
    Case(
        "The last messages of all sessions.",
        "message list --last 3",
        "--last needs --session, and no --limit, --page-token or --order",
    ),
    Case("No last messages.", "message list --session s1 --last 0", "--last must be 1 or more, not 0"),
    Case(
        "A negative number of messages before those that are followed.",
        "message tail s1 --last -1",
        "--last must be 0 or more, not -1",
    ),
    Case(
        "Following more often than the service bears.",
        "message tail s1 -f --interval 0",
        "--interval must be 0.1 to 86400 seconds, not 0",
    ),
    Case(
        "What is followed as one JSON document.",
        "-o json message tail s1 -f",
        "a JSON document has an end, and what is followed has none",
        hint="-o jsonl prints a line a message",
        form=None,
    ),
    Case(
        "What is followed as one table.",
        "-o table --fields role message tail s1 -f",
        "a table's columns are laid out when all rows are there",
        hint="-o csv, or -o jsonl",
        form=None,
    ),
    Case(
        "Results of a search in an order that there is not.",
        "message search tea --sort oldest",
        "--sort is newest or score, not 'oldest'",
    ),
    Case(
        "A search for no text.",
        "message search ''",
        "the text to search for is empty",
        hint="leave it out to find all of them",
    ),
    Case(
        "Nothing to change of a session.",
        "session update ada s1",
        "nothing to change",
        hint="say what to change of the session",
    ),
    Case(
        "Two options say when a session was updated.",
        "session update ada s1 --touch --update-time 5",
        "--touch and --update-time both say when",
    ),
    Case(
        "Two options say what a message holds.",
        "message put s9 m9 --content x --content-file y",
        "--content and --content-file both say what the content is",
    ),
    Case(
        "A message in which nothing was said.",
        "message put s9 --role user hello",
        "the message has neither content nor metadata",
        hint="'hello' is the message's id; --content TEXT gives the content",
    ),
    Case(
        "A message without an id in which nothing was said.",
        "message put s9",
        "the message has neither content nor metadata",
        hint="--content TEXT gives the content",
    ),
    Case(
        "A message to be added at the time of another.",
        "message put s1 m1 --content x --new --create-time 100",
        "--new does not go with --create-time or --if-absent",
    ),
    Case(
        "Shared messages to be deleted where no messages are.",
        "session purge --user ada --shared-too --yes",
        "--shared-too is about messages, and needs --with-messages",
    ),
    Case(
        "Statistics of a user and a session at once.",
        "stats --user ada --session s1",
        "--user and --session cannot both be asked for",
    ),
    Case(
        "An export of a user and a session at once.",
        "export --user ada --session s1",
        "--user and --session cannot both be asked for",
        form="jsonl",
    ),
    Case(
        "A copy of a user and a session at once.",
        "copy --from local --to local --user ada --session s1",
        "--user and --session cannot both be asked for",
    ),
    Case(
        "Looking and trying at once.",
        "init-tables --dry-run --check",
        "--dry-run and --check are two different questions",
    ),
    Case(
        "Waiting for what is not created.",
        "init-tables --check --wait 5",
        "--wait is for what is created, and --dry-run and --check create nothing",
    ),
    Case("A time to wait that is none.", "init-tables --wait -1", "--wait takes 0 to 86400 seconds"),
    Case(
        "Standard input for two things.",
        "message put s9 m9 --content-file - -m 'a@-'",
        "metadata 'a': standard input can be read only once, and - stands for it twice",
        stdin=b"x",
    ),
)
