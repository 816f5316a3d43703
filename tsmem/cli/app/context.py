"""`Context`: what a command gets as its first argument. It has the streams, environment, clock and global options of
one run, and opens the store when it is first used. A command returns its result, and uses `say` for everything else.

`tsmem/transfer/` sees the `Context` as its `Caller`, whose attributes `tsmem/transfer/files/outputs.py` describes.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from tsmem.clock import Clock, Time
from tsmem.errors import InvalidInput, ProfileError
from tsmem.transfer.files.descriptors import names_stdin

if TYPE_CHECKING:
    from pathlib import Path

    from tsmem.cli.io.last_listing import LastListing
    from tsmem.cli.io.streams import Streams
    from tsmem.profiles import Profile
    from tsmem.render.result import Format, Options
    from tsmem.store import MemoryStore
    from tsmem.store.bulk.result import BulkResult

SECRET_VARIABLE = "TSMEM_SERVE_SECRET"  # noqa: S105 - the name of the variable that `serve` reads


@dataclass
class GlobalOptions:
    profile: str | None = None
    config: str | None = None
    output: Format | None = None
    fields: tuple[str, ...] | None = None
    cost: bool = False
    debug: bool = False
    color: Literal["auto", "always", "never"] = "auto"
    no_pager: bool = False


class Context:
    def __init__(self, streams: Streams, environ: Mapping[str, str], clock: Clock) -> None:
        self.streams = streams
        self.environ = environ
        self.clock = clock
        self.options = GlobalOptions()
        self.argv: Sequence[str] = ()
        """The command line that runs. `tsmem next` replaces its own by that of the listing that it continues."""
        self.last_listing: LastListing | None = None
        """The listing that `tsmem next` continues; None in any other command."""
        self.opened_stores: list[MemoryStore] = []
        self.piped_format: Format = "table"
        """Output format in a pipe, unless --output or the profile chooses another."""
        self.next_step: str | None = None
        self.unfinished_output: str | None = None
        self.clear_line: Callable[[], None] = lambda: None
        """Removes the progress line from the terminal, if there is one."""
        self._stdin_was_read = False

    @cached_property
    def result(self) -> BulkResult:
        """The counts of a bulk command so far. They are made when it begins, and reported if it is interrupted."""
        from tsmem.store.bulk.result import BulkResult

        return BulkResult()

    def say(self, text: str) -> None:
        """Write a line to stderr, with control characters escaped."""
        from tsmem.render.text import visible

        self.write_stderr(visible(text) + "\n")

    def say_footer(self, text: str) -> None:
        """Write a line about what was shown; it is dim where there are colours."""
        if not self.has_color(self.streams.stderr_is_terminal):
            self.say(text)
            return
        from tsmem.render.result import Options
        from tsmem.render.terminal import Palette
        from tsmem.render.text import visible

        self.write_stderr(Palette(Options(color=True)).paint("dim", visible(text)) + "\n")

    def write_stderr(self, text: str) -> None:
        """Write text that is already safe to show."""
        self.clear_line()
        self.streams.write_stderr(text)

    def say_target(self, doing: str) -> None:
        self.say(f"{doing} {self.profile.target} (profile {self.profile.name})")

    @property
    def can_ask(self) -> bool:
        return self.streams.stdin_is_terminal and self.streams.stderr_is_terminal

    def confirm(self, yes: bool, question: Callable[[], str | None], doing: str | None = None) -> bool:
        """Return True if --yes or the user confirms a change that cannot be undone.

        `question` is called only when the user is asked, because it may have to count rows. It returns None if there
        is nothing to do, after saying that."""
        if not yes and not self.can_ask:
            hint = f"add --yes to delete data in {self.profile.target} without a question"
            raise InvalidInput("cannot ask for confirmation: not a terminal", hint=hint)
        if doing is not None:
            self.say_target(doing)
        if yes:
            return True
        from tsmem.render.text import visible

        text = question()
        if text is None:
            return False
        self.write_stderr(visible(f"{text} [y/N] "))
        answer = b""
        try:
            with suppress(OSError):  # the terminal went away
                answer = self.streams.stdin.readline()
        finally:
            if not answer.endswith(b"\n"):
                self.say("")  # after Ctrl-C or the end of the input, the cursor is still on this line
        if answer.strip().lower() in (b"y", b"yes"):
            return True
        self.say("nothing was done")
        return False

    @cached_property
    def profile(self) -> Profile:
        return self.profile_named(self.options.profile)

    def profile_named(self, name: str | None) -> Profile:
        from tsmem.profiles import load_profile

        profile = load_profile(self.environ, config=self.options.config, profile=name)
        for warning in profile.warnings:
            self.say(f"warning: {warning}")
        return profile

    @cached_property
    def format(self) -> Format:
        """The output format. A profile that cannot be loaded is ignored, so that commands that repair profiles work."""
        if self.options.output is not None:
            return self.options.output
        default: Format = "table" if self.streams.stdout_is_terminal else self.piped_format
        try:
            return self.profile.output or default  # type: ignore[return-value]
        except ProfileError:
            return default

    def render_options(self) -> Options:
        from tsmem.render.result import Options

        terminal = self.streams.stdout_is_terminal
        return Options(
            format=self.format,
            fields=self.options.fields,
            width=self.streams.width if terminal else None,
            color=self.has_color(terminal),
            is_terminal=terminal,
            unicode=self.streams.unicode or not terminal,
            now_us=self.clock.now_us(),
        )

    def has_color(self, is_terminal: bool) -> bool:
        """Return True if what goes to a stream is coloured. Sources: no-color.org, which wins, and force-color.org."""
        if self.options.color != "auto":
            return self.options.color == "always"
        if self.environ.get("NO_COLOR"):
            return False
        return bool(self.environ.get("FORCE_COLOR")) or (is_terminal and self.environ.get("TERM") != "dumb")

    def limit(self, given: int | None) -> int | None:
        if given is None:
            return 50 if self.format in ("table", "json") else None
        if given < 0:
            raise InvalidInput(f"--limit must be 0 (no limit) or more, not {given}")
        return given or None

    @cached_property
    def parsed_at_us(self) -> int:
        """The time at which `yesterday` is the day before. For `tsmem next`, it is that of the first page."""
        return self.clock.now_us()

    def time(self, text: str | None, option: str, *, end_of_day: bool = False) -> Time | None:
        if text is None:
            return None
        from tsmem.cli.io.times import parse_time

        try:
            time, warning = parse_time(text, now_us=self.parsed_at_us, end_of_day=end_of_day)
        except InvalidInput as error:
            raise InvalidInput(f"{option}: {error.message}", hint=error.hint) from error
        if warning is not None:
            self.say(f"warning: {option}: {warning}")
        return time

    def time_us(self, text: str | None, option: str) -> int | None:
        time = self.time(text, option)
        return time if time is None or isinstance(time, int) else time.before(self.clock.now_us())

    def read_file(self, name: str) -> bytes:
        from tsmem.limits import MAX_ROW_BYTES, MAX_VALUE_BYTES

        is_stdin = names_stdin(name)
        if is_stdin:
            if self._stdin_was_read:
                raise InvalidInput("only one value can come from standard input (-)")
            self._stdin_was_read = True
            if self.streams.stdin_is_terminal:
                self.say("reading from the terminal; press Ctrl-D to end")
            name = "standard input"
        try:
            with nullcontext(self.streams.stdin) if is_stdin else open(name, "rb") as stream:  # noqa: PTH123
                data = stream.read(MAX_ROW_BYTES + 1)  # enough to see that a file is too large
        except (OSError, ValueError) as error:
            from tsmem.transfer.files import cannot_read

            raise cannot_read(name, error) from error
        if len(data) > MAX_ROW_BYTES:
            raise InvalidInput(f"{name} is too large; a column holds at most {MAX_VALUE_BYTES:,} bytes")
        return data

    @cached_property
    def store(self) -> MemoryStore:
        store = self.open(self.profile)
        if not gc.isenabled():  # `tsmem/__main__.py` disabled it for the start
            # What is loaded by now stays until the end: freeze it, so that no collection has to visit it.
            gc.freeze()
            gc.enable()
        return store

    def open(self, profile: Profile) -> MemoryStore:
        from tsmem import open_profile

        log = (lambda line: self.say(f"debug: {line}")) if self.options.debug else None
        store = open_profile(profile, self.clock, log=log, notice=self.say)
        self.opened_stores.append(store)
        return store

    def close(self) -> None:
        self.clear_line()
        for store in self.opened_stores:
            store.close()

    def protected_files(self) -> Iterator[tuple[str, str]]:
        from tsmem.disk import SUFFIXES
        from tsmem.profiles.file import config_path

        if self.profile.path is not None:
            store = os.path.realpath(self.profile.path)
            yield from ((store + suffix, f"a file of the store {store}") for suffix in SUFFIXES)
            yield store, "the store itself"
        with suppress(ProfileError):  # there is no home
            config = os.path.realpath(config_path(self.environ, self.options.config))
            yield config, "the profile file"
            yield f"{config}.lock", "the lock of the profile file"

    @property
    def resume_folder(self) -> Path | None:
        return self.state_folder("imports")

    def state_folder(self, name: str) -> Path | None:
        """Return a folder for files that tsmem keeps between runs, which need not exist; None without a home."""
        from tsmem.profiles.file import xdg_folder
        from tsmem.profiles.model import NoHome

        try:
            return xdg_folder(self.environ, "XDG_STATE_HOME", ".local/state") / "tsmem" / name
        except NoHome:
            return None
