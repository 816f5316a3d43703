"""Keep the place of each terminal's last listing, so that `tsmem next` shows its next page.

After a listing that a terminal showed as a table, `save_place` writes a file of JSON for this terminal to the folder
`tsmem/next` in XDG_STATE_HOME or ~/.local/state: the command line, which has no secrets, and the page token. The files
have mode 0600. One that was not written for a week is removed by the next listing at any terminal. If the file cannot
be written, the listing says how to continue with --page-token.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tsmem.cli.app.shell_words import option_words
from tsmem.errors import NotFound, TsmemError

if TYPE_CHECKING:
    from tsmem.cli.app.context import Context
    from tsmem.render.result import Noun

PAGE_TOKEN = "--page-token"  # noqa: S105 - the name of an option
MAX_AGE_S = 7 * 86_400


class LastListing(NamedTuple):
    argv: tuple[str, ...]
    """The command line without `tsmem` and the page token."""
    noun: Noun
    config: str | None
    """Absolute path of the profile file; None if there was none."""
    profile: str
    parsed_at_us: int
    """The time at which words such as `yesterday` in the command line were read."""
    page_token: str | None
    """None if nothing is left."""

    def next_page(self, context: Context, limit: int | None) -> list[str]:
        """Return the command line of the next page. The limit and the options of this run count only for that page."""
        given, more = context.options, list[str]()
        options = {
            "config": given.config or self.config,
            "profile": given.profile or self.profile,
            "output": given.output,
            "color": None if given.color == "auto" else given.color,
            "fields": None if given.fields is None else ",".join(map(_quoted_field, given.fields)),
            "limit": None if limit is None else str(limit),
            "page-token": self.page_token,
        }
        for name, value in options.items():
            more += () if value is None else option_words(name, value)
        return without_page_token(self.argv, *more)


def without_page_token(argv: Sequence[str], *more: str) -> list[str]:
    """Return a command line without its page token, and with more options."""
    end = list(argv).index("--") if "--" in argv else len(argv)
    options: list[str] = []
    words = iter(argv[:end])
    for word in words:
        if word == PAGE_TOKEN:
            next(words, None)
        elif not word.startswith(f"{PAGE_TOKEN}="):
            options.append(word)
    return [*options, *more, *argv[end:]]


def save_place(context: Context, noun: Noun, page_token: str | None) -> bool:
    """Keep the place of a listing, whose next page has this token. Return True if `tsmem next` can show that page."""
    shown = context.format == "table" and context.streams.stdout_is_terminal
    if context.streams.terminal is None or not (shown or context.last_listing is not None):
        return False
    try:
        listing = context.last_listing or _listing_of(context, noun)
        path = _path(context)
        if page_token is None and not path.exists():
            return False
        from tsmem.disk import make_private_folder, replace_file

        make_private_folder(str(path.parent))
        replace_file(str(path), json.dumps(listing._replace(page_token=page_token)._asdict()).encode())
    except (OSError, TsmemError):
        return False
    with suppress(OSError):
        for old in _old_files(path):
            old.unlink()
    return page_token is not None


def last_listing(context: Context) -> LastListing:
    """Return the last listing of this terminal. Raises NotFound."""
    if context.streams.terminal is None:
        hint = f"in a script, repeat the listing with {PAGE_TOKEN}"
        raise NotFound("there is no listing to continue, because this is not a terminal", hint=hint)
    try:
        return _read(_path(context))
    except (OSError, ValueError) as error:
        hint = "run one first, such as tsmem session recent"
        raise NotFound("there is no listing to continue at this terminal", hint=hint) from error


def _listing_of(context: Context, noun: Noun) -> LastListing:
    from tsmem.profiles import config_path

    config = config_path(context.environ, context.options.config)
    return LastListing(
        tuple(without_page_token(context.argv)),
        noun,
        str(config.absolute()) if config.is_file() else None,
        context.profile.name,
        context.parsed_at_us,
        None,
    )


def _path(context: Context) -> Path:
    """Raises FileNotFoundError if there is no home."""
    folder = context.state_folder("next")
    if folder is None:
        raise FileNotFoundError
    return folder / f"{context.streams.terminal}.json"


def _read(path: Path) -> LastListing:
    """Raises OSError and ValueError."""
    with path.open("rb") as stream:
        if os.fstat(stream.fileno()).st_uid != os.geteuid():  # what another user wrote must not be run
            raise PermissionError
        document = json.load(stream)
    match document:
        case {
            "argv": [*argv],
            "noun": "session" | "message" as noun,
            "config": str() | None as config,
            "profile": str(profile),
            "parsed_at_us": int(parsed_at_us),
            "page_token": str() | None as page_token,
        } if all(isinstance(word, str) for word in argv):
            return LastListing(tuple(argv), noun, config, profile, parsed_at_us, page_token)
    raise ValueError


def _old_files(newest: Path) -> Iterator[Path]:
    written_s = newest.stat().st_mtime
    return (each for each in newest.parent.iterdir() if each.stat().st_mtime < written_s - MAX_AGE_S)


def _quoted_field(name: str) -> str:
    """Return a name as --fields takes it, whatever its characters."""
    doubled = name.replace('"', '""')
    return f'"{doubled}"'
