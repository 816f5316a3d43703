"""`tsmem help`: pages on topics that many commands share, and the help of a command.

The pages have lines of at most 78 ASCII characters, because they are shown as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import fill
from typing import Annotated, Any, NamedTuple

import typer

from tsmem.cli.app.command_tree import root
from tsmem.cli.app.exit_codes import MEANINGS
from tsmem.cli.app.suggest import suggest_words
from tsmem.errors import InvalidInput
from tsmem.nearest import nearest_names
from tsmem.render.result import Document


class Topic(NamedTuple):
    """A page, and the sentence that the list of topics has for it."""

    summary: str
    text: str


_LISTED = "\n".join(
    fill(meaning, 76, initial_indent=f"  {code:>3}  ", subsequent_indent=" " * 7) for code, meaning in MEANINGS.items()
)
_EXIT_CODES = f"""\
{_LISTED}

The help of a command lists those that it can end with. With 7, 129, 130 and
143 stderr says what a bulk command had done before. An error is one line on
stderr, and a hint where a next step is known; with -o json or -o jsonl it is
one JSON object there:

  {{"error": {{"code": "NotFound", "message": "...", "hint": null,
             "request_id": null}}}}

  tsmem session get ada trip-7 -o json || test $? -eq 3
"""

_FILTERS = """\
--filter takes an expression in Python's syntax; nothing is run. It means the
same on every backend, in listings, searches and purges.

  tsmem session list --filter 'topic == "billing" or exists(_json)'
  tsmem session recent --user ada --filter 'vip and not (score < 0.5)'
  tsmem message list --filter 'role in ["user", "tool"] and 1 < score <= 5'

Names        a field (role, content, create_time, ...) or a metadata key;
             metadata["from"] is any key
Comparisons  == != < <= > >= with text, numbers, True, False and b"bytes";
             in [...] and not in [...]
A name alone is true for a true boolean; exists(name) where there is a value
Logic        and, or, not, and parentheses

A comparison is false where the column is missing or of another type: 5 is not
"5", True is not 1; 5 and 5.0 are both numbers. That is so for != too. `not`
negates the answer: not (topic == "x") holds where there is no topic.

--limit counts what fulfils the filter. --stats says how many rows were read
for it.
"""

_TIMES = """\
Options that take a time T (--since, --until, --create-time, --update-time,
--start-time) take one of

  1760000000000000           microseconds since 1970 UTC
  2025-10-09                 a day: its beginning, and for --until its end
  2025-10-09T08:53:20        local time
  2025-10-09T08:53:20.5Z     a zone makes it exact: Z, +02:00
  90s 15m 2h 7d 4w           an age: so long before now

--since and --until include their ends. An integer that looks like seconds,
milliseconds or nanoseconds gets a warning; one that reads as a date, such as
20251009, is refused. 20251009T085320 is 2025-10-09T08:53:20.

  tsmem session recent --user ada --since 7d
  tsmem message list --session trip-7 --since 2025-10-09 --until 2025-10-09

Conversations that are imported with --format openai may have times without a
zone too: those are UTC, whatever the local time is.

Tables and conversations show local time on a terminal, with ages where there
is room, and ISO 8601 with the offset in a pipe. JSON and CSV have integer
microseconds.
"""

_PROFILES = """\
A profile says which store a command talks to. The one in force is, in turn,

  --profile NAME (-p)          what the command line says
  TSMEM_PROFILE                what the environment says
  default_profile              what the profile file says
  env                          when TABLESTORE_ENDPOINT is set
  local                        one file on this machine

`local` and `env` are built in. `env` is made of TABLESTORE_ENDPOINT,
_INSTANCE_NAME, _ACCESS_KEY_ID, _ACCESS_KEY_SECRET, _SECURITY_TOKEN and
_REGION, which never override a profile that is named.

The file is ~/.config/tsmem/config.toml (XDG_CONFIG_HOME, TSMEM_CONFIG and
--config say otherwise). A secret stands in it as env:NAME, file:PATH or
cmd:COMMAND; no option takes one, and nothing shows one.

  tsmem profile list
  tsmem profile set work backend=local path=work.db
  tsmem profile show work
  tsmem --profile work init-tables
  tsmem profile use work

`tsmem profile show` says where each value comes from.
"""

_OUTPUT = """\
stdout is data, stderr is talk. --output (-o) chooses the format, for every
command that shows sessions or messages:

  table  for people, the default. On a terminal it fits the width; in a pipe
         nothing is cut, wrapped or coloured
  json   one document: an object; {"items": [...], "next_page_token": null};
         of show {"session": ... or null, "messages": [...]}
  jsonl  one object a line, as they come
  csv    fixed columns, metadata as one cell of JSON. A text that begins like
         a formula, with =, +, -, @, a tab or a line break, has an apostrophe
         before it, so that no spreadsheet runs it; jsonl is exact

--fields a,b,metadata.topic chooses what is shown, in every format.
--no-color, NO_COLOR and TERM=dumb turn colours off.
--stats says on stderr what a command cost: requests, capacity units, rows.

--limit is 50 for table and json, and everything for jsonl and csv; 0 is
everything. What is left is said on stderr, with the command of the next page.

  tsmem message list -o jsonl --fields session_id,role,content
  tsmem session list --limit 2 -o json

Stored text is hostile: control, escape and bidi characters are shown escaped.
"""

TOPICS: dict[str, Topic] = {
    "exit-codes": Topic("What a command's end says to a script.", _EXIT_CODES),
    "filters": Topic("What --filter takes.", _FILTERS),
    "times": Topic("How times are written, and how they are shown.", _TIMES),
    "profiles": Topic("Which store a command talks to.", _PROFILES),
    "output": Topic("Formats, fields, colours, pages.", _OUTPUT),
}


@root.command(
    help="""Say more on a topic: exit-codes, filters, times, profiles or output.

    The name of a command shows that command's help.
    """,
    example="tsmem help times",
    formats=("table",),
)
def help_(
    ctx: typer.Context,
    topic: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[TOPIC]",
            help=f"{', '.join(TOPICS)}, or a command; the list of topics if none.",
            autocompletion=suggest_words(*TOPICS),
        ),
    ] = None,
) -> Document:
    words = topic or []
    if not words:
        widest = max(map(len, TOPICS))
        lines = [f"  {name:{widest}}  {topic.summary}" for name, topic in TOPICS.items()]
        text = "\n".join(
            ("Topics of tsmem help:", "", *lines, "", "tsmem COMMAND --help says what a command takes.", "")
        )
    elif len(words) == 1 and words[0] in TOPICS:
        text = TOPICS[words[0]].text
    else:
        text = _command_help(ctx, words) + "\n"
    return Document([text.encode()])


def _command_help(ctx: typer.Context, words: Sequence[str]) -> str:
    """Return what `tsmem WORDS --help` shows."""
    at: Any = ctx.find_root()
    for position, word in enumerate(words):
        known = list(getattr(at.command, "commands", ()))
        if word not in known:
            near = nearest_names(word, known if position else [*TOPICS, *known])
            question = f"; did you mean '{' '.join((*words[:position], *near))}'?" if near else ""
            raise InvalidInput(
                f"there is no help on '{' '.join(words)}'{question}", hint=f"the topics are {', '.join(TOPICS)}"
            )
        at = typer.Context(at.command.get_command(at, word), parent=at, info_name=word)
    return str(at.get_help())
