"""`tsmem doctor`: one look at everything between a command and what it works on, from the profile down to the rows.

It goes on as far as it can, reports what it found even if it has to stop, and never deletes anything. The error that
stopped it decides the exit code; otherwise the code is 4 if something wrong is left.
"""

from __future__ import annotations

import stat
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

from tsmem.cli.app import options as o
from tsmem.cli.app.command_tree import root
from tsmem.cli.app.context import Context
from tsmem.cli.app.exit_codes import CONFLICT, DENIED, UNAVAILABLE
from tsmem.cli.app.shell_words import NOT_SHOWN, all_quoted, command_hint, repeated_command
from tsmem.cli.io.progress import account
from tsmem.errors import Conflict, NotFound, ProfileError, TsmemError
from tsmem.plurals import quantity
from tsmem.render.result import Advice, AdviceList, Report
from tsmem.render.values import duration, iso_time, size
from tsmem.store.documents import dumps

if TYPE_CHECKING:
    from pathlib import Path

    from tsmem.store.maintenance.integrity import Behind, Orphans, Shared
    from tsmem.store.maintenance.statistics import CellSize
    from tsmem.store.tables import Plan

Severity = Literal["ok", "note", "warning", "error"]
Words = tuple[str, ...] | None
"""The quoted words of a command line; None for one that cannot be shown."""
_NO_PERMISSION = "OTSNoPermissionAccess"
"""The code for one request that is not permitted; others may be, unlike where the credentials are wrong."""
MAX_SKEW_S = 60.0
"""The difference of clocks from which doctor warns; at 15 minutes the service refuses."""
_KINDS = ("orphans", "shared session", "update_time", "size")
"""The kinds of findings about rows, in the order of the report."""
MAX_NAMED = 20


class Finding(NamedTuple):
    severity: Severity
    """error: commands fail; warning: something is wrong; note: worth knowing; ok: nothing is wrong."""
    about: str
    sentence: str
    command: Words = ()
    """The command line that mends it, or that shows it where mending takes a decision."""
    mended: bool = False


@root.command(
    help="""Check the profile, the connection, the tables and the stored data for problems.

    Each finding comes with a command that fixes it or shows it. --fix never deletes anything. The exit code is 4 if
    problems are left, 5 or 6 if the service refuses or cannot be reached.
    """,
    example="tsmem doctor --fix",
    exit_codes=(CONFLICT, DENIED, UNAVAILABLE),
)
def doctor(
    context: Context,
    fix: Annotated[
        bool, o.flag("--fix", "Fix what is safe to fix: create what is missing, raise update times that are too early.")
    ] = False,
    progress: o.Progress = False,
) -> Report:
    return Doctor(context, fix=fix, progress=progress).run()


class Doctor:
    """Collects findings step by step, and stops where nothing more can be reached."""

    def __init__(self, context: Context, *, fix: bool, progress: bool) -> None:
        self._context = context
        self._fix = fix
        self._progress = progress
        self._tsmem = partial(repeated_command, context)
        self._findings: list[Finding] = []
        self._stopped_by: TsmemError | None = None

    def run(self) -> Report:
        if self._profile() and self._credentials() and self._tables():
            self._rows()
        context, found, error = self._context, self._findings, self._stopped_by
        left = [finding for finding in found if finding.severity in ("warning", "error") and not finding.mended]
        if error is None and left:
            hint = None
            mends = (self._tsmem("init-tables"), self._tsmem("doctor", "--fix"))
            if not self._fix and any(finding.command in mends for finding in left):
                hint = f"{command_hint(context, 'doctor', '--fix')} fixes what is safe to fix automatically"
            error = Conflict(f"{len(left):,} finding{' is' if len(left) == 1 else 's are'} left", hint=hint)
        documents: list[dict[str, Any]] = []
        advices: list[Advice] = []
        for severity, about, sentence, command, mended in found:
            text = f"{sentence} {NOT_SHOWN}" if command is None else sentence
            line = " ".join(command or ()) or None
            documents.append(dict(zip(Finding._fields, (severity, about, text, line, mended), strict=True)))
            advices.append(Advice("mended" if mended else severity, f"{about}: {text}", command or ()))
        document = {"findings": documents, "left": len(left), "mended": sum(finding.mended for finding in found)}
        rows = [tuple(each.values()) for each in documents]
        return Report(document, Finding._fields, rows, error, [AdviceList(advices)])

    def _add(self, severity: Severity, about: str, sentence: str, command: Words = ()) -> None:
        self._findings.append(Finding(severity, about, sentence, command))

    def _chmod(self, mode: str, file: Path) -> Words:
        return all_quoted(("chmod", mode, str(file)), unicode=self._context.streams.unicode)

    def _stop(self, about: str, error: TsmemError) -> None:
        """Report an error behind which nothing can be looked at."""
        from tsmem.profiles import profile_list

        how = "show"
        if about == "profile":
            how = "path"
            with suppress(ProfileError):
                how = "list" if profile_list(self._context.environ, self._context.options.config) else "path"
        hint = "" if error.hint is None else f"; {error.hint}"
        self._add("error", about, f"{error.message}{hint}", self._tsmem("profile", how))
        self._stopped_by = self._stopped_by or error

    def _profile(self) -> bool:
        from tsmem.profiles import config_path

        context = self._context
        try:
            profile = context.profile
        except ProfileError as error:
            self._stop("profile", error)
            return False
        self._add("ok", "profile", f"{profile.name} ({profile.origins['name']}): {profile.target}")
        for warning in profile.warnings:
            file = config_path(context.environ, context.options.config)  # without warnings there may be no home
            is_open = warning.startswith(f"{file}: holds secrets")
            command = self._chmod("600", file) if is_open else self._tsmem("profile", "show")
            self._add("warning", "profile", warning, command)
        return True

    def _credentials(self) -> bool:
        """Open the store, which reveals the secrets, each once, and shows none. Return False if it cannot be opened."""
        profile = self._context.profile
        try:
            _ = self._context.store  # opened here; under -O an assert would not be run
        except TsmemError as error:
            self._stop("credentials" if profile.backend == "tablestore" else "store", error)
            return False
        if profile.backend == "local":
            self._add("ok", "credentials", "not needed for a file")
            if profile.path is not None:
                self._file(profile.path.resolve())
            return True
        present = []
        for key in ("access_key_id", "access_key_secret", "security_token"):
            secret = getattr(profile, key)
            # A variable alone is looked at: a command would be run a second time.
            is_set = secret is not None and not (secret.shown.startswith("env:") and secret.find() is None)
            present.append(f"{key} {secret.shown if is_set else '(not set)'}")
        self._add("ok", "credentials", f"present: {', '.join(present)}")
        return True

    def _file(self, file: Path) -> None:
        """Warn if others can read or change the embedded store's file."""
        with suppress(OSError):
            folder = stat.S_IMODE(file.parent.stat().st_mode)
            if not folder & 0o011:
                return
            if folder & 0o002:
                sentence = f"others can put files of their own in {file.parent} (mode {folder:o}), where {file.name} is"
                self._add("warning", "store", sentence, self._chmod("o-w", file.parent))
                return
            for each in (file, *(file.with_name(file.name + end) for end in ("-wal", "-shm"))):
                mode = stat.S_IMODE(each.stat().st_mode)
                if mode & 0o077:
                    sentence = f"others can {'read and change' if mode & 0o022 else 'read'} {each} (mode {mode:o})"
                    self._add("warning", "store", sentence, self._chmod("600", each))
                    return

    def _tables(self) -> bool:
        """Compare the tables with the profile, and create them with --fix. Return True if rows can be looked at."""
        tables = self._context.store.tables
        if self._fix:
            self._context.say_target("mending")
        try:
            plan = tables.plan()
        except TsmemError as error:
            self._clock()
            self._stop("service", error)
            return error.service_code == _NO_PERMISSION
        self._add("ok", "service", "it answers")
        self._clock()
        refused = None
        if self._fix and plan.missing:
            try:
                plan = tables.apply()
            except TsmemError as error:
                refused = error
        can_look = self._compare(plan)
        if refused is not None:
            self._stop("tables", refused)
            return can_look and refused.service_code == _NO_PERMISSION
        return can_look

    def _compare(self, plan: Plan) -> bool:
        before = len(self._findings)
        check = self._tsmem("init-tables", "--check")
        for step in plan.steps:
            needed: Severity = "warning" if step.kind == "search index" else "error"
            name, differences = f"{step.kind} {step.name}", "; ".join(step.differences)
            if step.created:
                self._findings.append(Finding(needed, "tables", f"{name} was missing; created", mended=True))
            elif step.state == "missing":
                refused = f": {differences}" if differences else ""
                command = check if step.foreign else self._tsmem("init-tables")
                self._add(needed, "tables", f"{name} is missing{refused}", command)
            elif step.state == "different":
                self._add("warning", "tables", f"{name} differs: {differences}", check)
        if len(self._findings) == before:
            self._add("ok", "tables", f"all {len(plan.steps)} tables and indexes match the profile")
        if foreign := sorted({step.table for step in plan.steps if step.foreign}):
            sentence = f"not checked: table {' and table '.join(foreign)} has another key"
            self._add("error", "rows", sentence, check)
            return False
        if any(step.state == "missing" or step.created for step in plan.steps if step.kind == "table"):
            sentence = "not checked: a table is missing or was just created; check again"
            self._add("note", "rows", sentence, self._tsmem("doctor"))
            return False
        return True

    def _clock(self) -> None:
        skew_s = self._context.store.clock_skew_s()
        if skew_s is None:
            return
        if abs(skew_s) <= MAX_SKEW_S:
            self._add("ok", "clock", "the clocks of this machine and the service agree within a minute")
            return
        length = duration(round(abs(skew_s)) * 1_000_000)
        side = "behind" if skew_s > 0 else "ahead of"
        sentence = f"this machine's is {length} {side} the service's; it refuses more than 15 minutes"
        self._add("warning", "clock", sentence, ("sudo", "timedatectl", "set-ntp", "true"))

    def _rows(self) -> None:
        """Read the rows, and with --fix raise update times that lag behind. The first findings of each kind are named,
        mended ones and others, and the rest are counted."""
        context, error = self._context, None
        named: list[Finding] = []
        count: Counter[tuple[str, bool]] = Counter()
        last: dict[tuple[str, bool], Finding] = {}
        try:
            with account(context, "looked at", asked=self._progress):
                for found in self._troubles():
                    kind = found.about, found.mended
                    count[kind] += 1
                    if count[kind] <= MAX_NAMED:
                        named.append(found)
                    last[kind] = found
        except TsmemError as failure:
            error = failure
        for kind, found in last.items():
            if (more := count[kind] - MAX_NAMED) > 0:
                named.append(found._replace(sentence=f"{more:,} more, the last: {found.sentence}"))
        self._findings += sorted(named, key=lambda finding: _KINDS.index(finding.about))
        if error is not None:
            self._stop("rows", error)
        elif not named:
            result = context.result
            counts = f"{quantity(result.sessions, 'session')} and {quantity(result.messages, 'message')}"
            self._add("ok", "rows", f"{counts} are consistent")

    def _troubles(self) -> Iterator[Finding]:
        from tsmem.store.maintenance.integrity import Behind, Orphans, Shared

        kinds: dict[type, Any] = {Orphans: self._orphans, Shared: self._shared, Behind: self._behind}
        for trouble in self._context.store.troubles(result=self._context.result):
            with suppress(NotFound):  # a session is gone before its update time was raised
                yield kinds.get(type(trouble), self._big_cell)(trouble)

    def _orphans(self, found: Orphans) -> Finding:
        count, last = quantity(found.messages, "message"), iso_time(found.last_time, None)
        sentence = f"no user has the session {found.session_id!r} of {count}, the last of {last}"
        if found.recent:
            sentence += "; it may have been written just now; check again"
            return Finding("note", "orphans", sentence, self._tsmem("doctor"))
        sentence += "; session put adopts them, and the command deletes them"
        return Finding("warning", "orphans", sentence, self._tsmem("message", "purge", session=found.session_id))

    def _shared(self, found: Shared) -> Finding:
        users = ", ".join(map(repr, found.users)) + (", ..." if found.user_count > len(found.users) else "")
        sentence = (
            f"{found.user_count:,} users have a session {found.session_id!r}, whose "
            f"{quantity(found.messages, 'message')} cannot be told apart: {users}; the command lists the sessions"
        )
        look = self._tsmem("session", "list", filter=f"session_id == {dumps(found.session_id)}", limit="0")
        return Finding("warning", "shared session", sentence, look)

    def _behind(self, found: Behind) -> Finding:
        """Return the finding about an update time that lags behind, which --fix raises. Raises NotFound."""
        from tsmem.store.maintenance.integrity import MARGIN_US

        context, about = self._context, "update_time"
        was = "no update_time" if found.update_time is None else f"the update_time {iso_time(found.update_time, None)}"
        last = f"its last message is of {iso_time(found.last_time, None)}"
        sentence = f"the session {found.session_id!r} of {found.user_id!r} has {was}, and {last}"
        # A last message of the future, by more than clocks may differ, is a mistake not to be spread.
        if found.last_time > context.clock.now_us() + MARGIN_US:
            look = self._tsmem("message", "tail", last="1", arguments=(found.session_id,))
            return Finding(
                "warning", about, f"{sentence}, which is in the future: not raised; the command shows it", look
            )
        if not self._fix:
            return Finding("warning", about, sentence, self._tsmem("doctor", "--fix"))
        context.store.sessions.touch(found.user_id, found.session_id, found.last_time)
        return Finding("warning", about, f"{sentence}; raised to that", mended=True)

    def _big_cell(self, found: CellSize) -> Finding:
        where = f"{found.kind} {' / '.join(map(repr, found.key))}"
        sentence = f"{found.column} of {where} holds {size(found.bytes)} of 2 MB; the command shows it"
        first, *time, last = map(str, found.key)
        options = {"create_time": time[0], "output": "json"} if time else {"output": "json"}
        return Finding("note", "size", sentence, self._tsmem(found.kind, "get", arguments=(first, last), **options))
