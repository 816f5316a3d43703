"""One run of a command: its streams, environment, clock and global options, and the store that it opens when asked for.

Commands get it as `ctx.obj`. They return a result and talk through `say`; only `main.py` writes and exits.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, BinaryIO

from tsmem.clock import Clock, Time
from tsmem.errors import InvalidInput, ProfileError
from tsmem.transfer.files.descriptors import names_stdin

if TYPE_CHECKING:
    from pathlib import Path

    import typer

    from tsmem.cli.io.streams import Streams
    from tsmem.profiles import Profile
    from tsmem.render.result import Format, Options
    from tsmem.store import MemoryStore
    from tsmem.store.bulk.result import BulkResult

SECRET_VARIABLE = "TSMEM_SERVE_SECRET"  # noqa: S105 - the name of the variable
"""The variable with the secret that `serve` takes."""


class GlobalOptions:
    """What may stand before or after the subcommand."""

    profile: str | None = None
    config: str | None = None
    output: Format | None = None
    fields: tuple[str, ...] | None = None
    stats: bool = False
    debug: bool = False
    no_color: bool = False


class Context:
    """One run."""

    def __init__(self, streams: Streams, environ: Mapping[str, str], clock: Clock) -> None:
        self.streams = streams
        self.environ = environ
        self.clock = clock
        self.options = GlobalOptions()
        self.piped_format: Format = "table"
        """The output format of a pipe where none was chosen."""
        self._store: MemoryStore | None = None
        self._opened: list[MemoryStore] = []
        self.next_step: str | None = None
        """What to do next when this run fails or is stopped, where that is known."""
        self.whole_file: str | None = None
        """The file that this run writes whole or not at all, until the new one takes its place: a run that is stopped
        before changes nothing of it."""
        self.clear_line: Callable[[], None] | None = None
        """Takes a line of progress off the terminal, while one is drawn there."""
        self._stdin_was_read = False

    @cached_property
    def result(self) -> BulkResult:
        """What a bulk command has done so far, so that an interrupted one can say it."""
        from tsmem.store.bulk.result import BulkResult

        return BulkResult()

    # Talk

    def say(self, text: str) -> None:
        """A line on stderr, made safe."""
        from tsmem.render.text import visible

        if self.clear_line is not None:
            self.clear_line()
        self.talk(visible(text) + "\n")

    def talk(self, text: str) -> None:
        """Write safe text to stderr, in ASCII where it can show no more. A stderr that went away does no harm."""
        encoding = "utf-8" if self.streams.unicode else "ascii"
        with suppress(OSError, ValueError):
            self.streams.stderr.write(text.encode(encoding, "backslashreplace"))
            self.streams.stderr.flush()

    def say_target(self, doing: str) -> None:
        """Name what a table command or a bulk delete is about to work on."""
        self.say(f"{doing} {self.profile.target} (profile {self.profile.name})")

    @property
    def can_ask(self) -> bool:
        """True if a question can be shown and answered."""
        return self.streams.stdin_is_terminal and self.streams.stderr_is_terminal

    def sure(self, yes: bool, question: Callable[[], str | None], doing: str | None = None) -> bool:
        """Ask before something that cannot be undone; the question may take counting, so it is made when it is needed.
        Where there is nothing to do it is None, and that was said. `doing` is said before it, with the target.

        Raises InvalidInput where nobody can be asked and --yes is missing; False when the answer is no."""
        if not yes and not self.can_ask:
            raise InvalidInput(
                "cannot ask for confirmation: not a terminal",
                hint=f"--yes does it in {self.profile.target} without asking",
            )
        if doing is not None:
            self.say_target(doing)
        if yes:
            return True
        from tsmem.render.text import visible

        text = question()
        if text is None:
            return False
        self.talk(visible(f"{text} [y/N] "))
        try:
            answer = self.streams.stdin.readline()
        except KeyboardInterrupt:
            self.say("")
            raise
        except OSError:  # the terminal went away
            answer = b""
        if not answer.endswith(b"\n"):
            self.say("")  # the end of the input leaves the cursor behind the question
        if answer.strip().lower() in (b"y", b"yes"):
            return True
        self.say("nothing was done")
        return False

    # What was chosen

    @cached_property
    def profile(self) -> Profile:
        """The profile in force; its warnings are said once."""
        return self.profile_named(self.options.profile)

    def profile_named(self, name: str | None) -> Profile:
        """A profile, or the one in force. Raises ProfileError."""
        from tsmem.profiles import load_profile

        profile = load_profile(self.environ, config=self.options.config, profile=name)
        for warning in profile.warnings:
            self.say(f"warning: {warning}")
        return profile

    @cached_property
    def format(self) -> Format:
        """The output format: the flag, else the profile's, else a table, or what the command thinks right in a pipe. A
        profile that cannot be loaded says nothing: who needs it for more hears of it, and the commands that repair it
        do not fail for it."""
        if self.options.output is not None:
            return self.options.output
        unchosen: Format = "table" if self.streams.stdout_is_terminal else self.piped_format
        try:
            return self.profile.output or unchosen  # type: ignore[return-value]
        except ProfileError:
            return unchosen

    def render_options(self) -> Options:
        """How results are to be shown here."""
        from tsmem.render.result import Options

        terminal = self.streams.stdout_is_terminal
        plain = self.options.no_color or self.environ.get("NO_COLOR") or self.environ.get("TERM") == "dumb"
        return Options(
            format=self.format,
            fields=self.options.fields,
            width=self.streams.width if terminal else None,
            color=terminal and not plain,
            terminal=terminal,
            unicode=self.streams.unicode or not terminal,
            now_us=self.clock.now_us(),
        )

    def limit(self, given: int | None) -> int | None:
        """A listing's limit: 50 for table and json, everything for jsonl and csv, 0 for everything."""
        if given is None:
            return 50 if self.format in ("table", "json") else None
        if given < 0:
            raise InvalidInput(f"--limit must be 0 (for all) or more, not {given}")
        return given or None

    def time(self, text: str | None, option: str, *, end_of_day: bool = False) -> Time | None:
        """A time from the command line; what looks odd gets a warning."""
        if text is None:
            return None
        from tsmem.cli.io.times import parse_time

        try:
            time, warning = parse_time(text, now_us=self.clock.now_us(), tz=None, end_of_day=end_of_day)
        except InvalidInput as error:
            raise InvalidInput(f"{option}: {error.message}", hint=error.hint) from error
        if warning is not None:
            self.say(f"warning: {option}: {warning}")
        return time

    def point(self, text: str | None, option: str) -> int | None:
        """A time from the command line as a point in microseconds: an age counts back from now."""
        time = self.time(text, option)
        return time if time is None or isinstance(time, int) else time.before(self.clock.now_us())

    def read_file(self, name: str) -> bytes:
        """A file's bytes, or standard input's for `-`. Raises InvalidInput in a plain sentence."""
        if names_stdin(name):
            if self._stdin_was_read:
                raise InvalidInput("standard input can be read only once, and - stands for it twice")
            self._stdin_was_read = True
            if self.streams.stdin_is_terminal:
                self.say("reading what is typed here; Ctrl-D ends it")
            try:
                return _value(self.streams.stdin, "standard input")
            except OSError as error:
                from tsmem.transfer.files.file_errors import cannot_read

                raise cannot_read("standard input", error) from error
        try:
            with open(name, "rb") as stream:  # noqa: PTH123
                return _value(stream, name)
        except (OSError, ValueError) as error:
            from tsmem.transfer.files.file_errors import cannot_read

            raise cannot_read(name, error) from error

    # The store

    @property
    def store(self) -> MemoryStore:
        """The profile's store, opened at its first use and closed with the run."""
        if self._store is None:
            self._store = self.open(self.profile)
            if not gc.isenabled():  # since __main__: what is there by now stays, and need not be looked at again
                gc.freeze()
                gc.enable()
        return self._store

    def open(self, profile: Profile) -> MemoryStore:
        """A profile's store, closed with the run."""
        from tsmem import open_profile

        log = (lambda line: self.say(f"debug: {line}")) if self.options.debug else None
        store = open_profile(profile, self.clock, log=log, notice=self.say)
        self._opened.append(store)
        return store

    def protected_files(self) -> Iterator[tuple[str, str]]:
        """Yield the paths of the store in use and of the profile file, with what they are: no command writes them."""
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
        """Where imports note how far they are; None without a home directory."""
        from tsmem.profiles.file import xdg
        from tsmem.profiles.model import NoHome

        try:
            return xdg(self.environ, "XDG_STATE_HOME", ".local/state") / "tsmem" / "imports"
        except NoHome:
            return None

    @property
    def opened(self) -> Sequence[MemoryStore]:
        """The stores that were opened."""
        return self._opened

    def close(self) -> None:
        """Let go of the stores."""
        for store in self._opened:
            store.close()


def context_of(ctx: typer.Context) -> Context:
    """The run that a command belongs to."""
    context = ctx.obj
    assert isinstance(context, Context)
    return context


def _value(stream: BinaryIO, name: str) -> bytes:
    """Read what a column is to hold. Raises InvalidInput for more than a row can, before all of that is in memory."""
    from tsmem.limits import MAX_ROW_BYTES, MAX_VALUE_BYTES

    data = stream.read(MAX_ROW_BYTES + 1)
    if len(data) > MAX_ROW_BYTES:
        raise InvalidInput(f"{name} is too large; a column holds at most {MAX_VALUE_BYTES:,} bytes")
    return data
