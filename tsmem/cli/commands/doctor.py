"""The command `tsmem doctor`: check the profile, the credentials, the service, the tables and the rows, in this order.

Each check adds findings. An error that ends a check is a finding, too; the first one decides the exit code. Without
one, the exit code is 4 if errors or warnings remain. Nothing is ever deleted.
"""

from __future__ import annotations

import stat
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from tsmem.cli.app import options as o
from tsmem.cli.app.command_tree import CONFLICT, DENIED, UNAVAILABLE, root
from tsmem.cli.app.context import Context
from tsmem.cli.app.shell_words import NOT_SHOWN, all_quoted, command_hint, repeated_command
from tsmem.cli.io.feedback import account
from tsmem.errors import Conflict, NotFound, ProfileError, TsmemError
from tsmem.profiles import config_path
from tsmem.render.result import Advice, AdviceList, Report
from tsmem.render.values import duration, iso_time, size
from tsmem.store.documents import encode_json
from tsmem.store.maintenance.integrity import MARGIN_US, OrphanMessages, OutdatedSession, SharedSessionId
from tsmem.store.maintenance.statistics import CellSize
from tsmem.store.tables import Plan
from tsmem.words import quantity

Severity = Literal["ok", "note", "warning", "error"]
CommandWords = tuple[str, ...] | None
"""The words of a command line, quoted for a shell. None if a word cannot be quoted."""
_NO_PERMISSION = "OTSNoPermissionAccess"
"""The service's code if a key has no permission for one kind of request. Other requests may still be permitted."""
MAX_SKEW_S = 60.0
"""The largest difference between two clocks that needs no warning. The service refuses requests from 15 minutes on."""
_ROW_KINDS = ("orphans", "shared session", "update_time", "size")
"""The values of `Finding.about` for findings about rows, in the order of the report."""
MAX_NAMED = 20


class Finding(NamedTuple):
    severity: Severity
    """error: commands fail; warning: something is wrong; note: worth knowing; ok: nothing is wrong."""
    about: str
    sentence: str
    command: CommandWords = ()
    """A command line that fixes the problem, or shows it if the user has to decide what to do. Empty for none."""
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
        bool,
        o.flag(
            "--fix",
            "Fix what is safe to fix: create what is missing; if a session's update time is before its last message, "
            "set it to the time of that message.",
        ),
    ] = False,
    progress: o.Progress = False,
) -> Report:
    return Doctor(context, fix=fix, progress=progress).run()


class Doctor:
    """The findings of one run. A check returns False if the later checks cannot run."""

    def __init__(self, context: Context, *, fix: bool, progress: bool) -> None:
        self._context = context
        self._fix = fix
        self._progress = progress
        self._command = partial(repeated_command, context)
        self._findings: list[Finding] = []
        self._first_failure: TsmemError | None = None

    def run(self) -> Report:
        if self._check_profile() and self._check_credentials() and self._check_tables():
            self._check_rows()
        return self._report()

    def _report(self) -> Report:
        found, error = self._findings, self._first_failure
        left = [finding for finding in found if finding.severity in ("warning", "error") and not finding.mended]
        if error is None and left:
            hint = None
            fixes = (self._command("init-tables"), self._command("doctor", "--fix"))
            if not self._fix and any(finding.command in fixes for finding in left):
                hint = f"{command_hint(self._context, 'doctor', '--fix')} fixes what is safe to fix automatically"
            error = Conflict(f"{quantity(len(left), 'problem')} remain{'s' if len(left) == 1 else ''}", hint=hint)
        rows: list[tuple[object, ...]] = []
        advices: list[Advice] = []
        for severity, about, sentence, command, mended in found:
            text = f"{sentence} {NOT_SHOWN}" if command is None else sentence
            rows.append((severity, about, text, " ".join(command or ()) or None, mended))
            advices.append(Advice("mended" if mended else severity, f"{about}: {text}", command or ()))
        findings = [dict(zip(Finding._fields, row, strict=True)) for row in rows]
        document = {"findings": findings, "left": len(left), "mended": sum(finding.mended for finding in found)}
        return Report(document, Finding._fields, rows, error, [AdviceList(advices)])

    def _add(self, severity: Severity, about: str, sentence: str, command: CommandWords = ()) -> None:
        self._findings.append(Finding(severity, about, sentence, command))

    def _chmod(self, mode: str, file: Path) -> CommandWords:
        return all_quoted(("chmod", mode, str(file)), unicode=self._context.streams.unicode)

    def _add_failure(self, about: str, error: TsmemError) -> None:
        hint = "" if error.hint is None else f"; {error.hint}"
        verb = "path" if about == "profile" else "show"  # `path` works even if the profile file cannot be read
        self._add("error", about, f"{error.message}{hint}", self._command("profile", verb))
        self._first_failure = self._first_failure or error

    def _check_profile(self) -> bool:
        context = self._context
        try:
            profile = context.profile
        except ProfileError as error:
            self._add_failure("profile", error)
            return False
        self._add("ok", "profile", f"{profile.name} ({profile.origins['name']}): {profile.target}")
        for warning in profile.warnings:
            file = config_path(context.environ, context.options.config)  # raises if there is no home, so only if needed
            is_exposed = warning.startswith(f"{file}: holds secrets")
            command = self._chmod("600", file) if is_exposed else self._command("profile", "show")
            self._add("warning", "profile", warning, command)
        return True

    def _check_credentials(self) -> bool:
        profile = self._context.profile
        try:
            _ = self._context.store
        except TsmemError as error:
            self._add_failure("credentials" if profile.backend == "tablestore" else "store", error)
            return False
        if profile.backend == "local":
            self._add("ok", "credentials", "not needed for a file")
            if profile.path is not None:
                self._check_file_modes(profile.path.resolve())
            return True
        credentials = []
        for key in ("access_key_id", "access_key_secret", "security_token"):
            secret = getattr(profile, key)
            # Opening the store has read the secrets. Only environment variables are read again, because a `cmd:` secret
            # would run its command twice.
            is_set = secret is not None and not (secret.shown.startswith("env:") and secret.find() is None)
            credentials.append(f"{key} {secret.shown if is_set else '(not set)'}")
        self._add("ok", "credentials", f"present: {', '.join(credentials)}")
        return True

    def _check_file_modes(self, file: Path) -> None:
        with suppress(OSError):
            folder = stat.S_IMODE(file.parent.stat().st_mode)
            if not folder & 0o011:  # nobody else can enter the folder
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

    def _check_tables(self) -> bool:
        tables = self._context.store.tables
        if self._fix:
            self._context.say_target("mending")
        try:
            plan = tables.plan()
        except TsmemError as error:
            self._check_clock()
            self._add_failure("service", error)
            return error.service_code == _NO_PERMISSION
        self._add("ok", "service", "it answers")
        self._check_clock()
        apply_error = None
        if self._fix and plan.missing:
            try:
                plan = tables.apply()
            except TsmemError as error:
                apply_error = error
        can_read_rows = self._check_table_differences(plan)
        if apply_error is not None:
            self._add_failure("tables", apply_error)
            return can_read_rows and apply_error.service_code == _NO_PERMISSION
        return can_read_rows

    def _check_table_differences(self, plan: Plan) -> bool:
        """Add the findings about tables and indexes. Return True if rows can be read."""
        check_command = self._command("init-tables", "--check")
        for step in plan.steps:
            severity: Severity = "warning" if step.kind == "search index" else "error"
            differences = "; ".join(step.differences)
            if step.created:
                sentence = f"{step.full_name} was missing and has been created"
                self._findings.append(Finding(severity, "tables", sentence, mended=True))
            elif step.state == "missing":
                reason = f": {differences}" if differences else ""
                command = check_command if step.is_foreign else self._command("init-tables")
                self._add(severity, "tables", f"{step.full_name} is missing{reason}", command)
            elif step.state == "different":
                self._add("warning", "tables", f"{step.full_name} differs: {differences}", check_command)
        if all(step.state == "present" and not step.created for step in plan.steps):
            self._add("ok", "tables", f"all {len(plan.steps)} tables and indexes match the profile")
        if foreign := sorted({step.table for step in plan.steps if step.is_foreign}):
            keys = f"key of table {foreign[0]} differs" if len(foreign) == 1 else "keys of both tables differ"
            sentence = f"rows were not checked, because the primary {keys}"
            self._add("error", "rows", sentence, check_command)
            return False
        if any(step.state == "missing" or step.created for step in plan.steps if step.kind == "table"):
            sentence = "not checked: a table is missing or was just created; check again"
            self._add("note", "rows", sentence, self._command("doctor"))
            return False
        return True

    def _check_clock(self) -> None:
        skew_s = self._context.store.clock_skew_s()
        if skew_s is None:
            return
        if abs(skew_s) <= MAX_SKEW_S:
            self._add("ok", "clock", "the clocks of this machine and the service agree within a minute")
            return
        length = duration(round(abs(skew_s)) * 1_000_000)
        side = "behind" if skew_s > 0 else "ahead of"
        sentence = (
            f"this machine's clock is {length} {side} the service's; "
            "the service refuses a difference of more than 15 minutes"
        )
        self._add("warning", "clock", sentence, ("sudo", "timedatectl", "set-ntp", "true"))

    def _check_rows(self) -> None:
        """Read all rows. Add at most MAX_NAMED findings of each kind one by one, and one more that counts the rest."""
        result = self._context.result
        named: list[Finding] = []
        rest: dict[tuple[object, ...], Finding] = {}
        count: Counter[tuple[object, ...]] = Counter()
        error = None
        try:
            with account(self._context, "looked at", asked=self._progress):
                for finding in self._row_findings():
                    kind = finding.about, finding.severity, finding.mended
                    count[kind] += 1
                    if count[kind] <= MAX_NAMED:
                        named.append(finding)
                    else:
                        sentence = f"{count[kind] - MAX_NAMED:,} more, the last: {finding.sentence}"
                        rest[kind] = finding._replace(sentence=sentence)
        except TsmemError as failure:
            error = failure
        self._findings += sorted([*named, *rest.values()], key=lambda finding: _ROW_KINDS.index(finding.about))
        if error is not None:
            self._add_failure("rows", error)
        elif not named:
            counts = f"{quantity(result.sessions, 'session')} and {quantity(result.messages, 'message')}"
            self._add("ok", "rows", f"{counts} are consistent")

    def _row_findings(self) -> Iterator[Finding]:
        kinds: dict[type, Any] = {
            OrphanMessages: self._orphans,
            SharedSessionId: self._shared,
            OutdatedSession: self._outdated_session,
        }
        for trouble in self._context.store.troubles(result=self._context.result):
            with suppress(NotFound):  # the session was deleted before its update time could be set
                yield kinds.get(type(trouble), self._big_cell)(trouble)

    def _orphans(self, found: OrphanMessages) -> Finding:
        count, last = quantity(found.message_count, "message"), iso_time(found.last_time, None)
        sentence = f"session {found.session_id!r} has {count} but no user; its last message is dated {last}"
        if found.is_recent:
            sentence += "; its session may have been written just now; check again"
            return Finding("note", "orphans", sentence, self._command("doctor"))
        sentence += "; to keep the messages, create the session with `session put`; the command deletes them"
        return Finding("warning", "orphans", sentence, self._command("message", "purge", session=found.session_id))

    def _shared(self, found: SharedSessionId) -> Finding:
        users = ", ".join(map(repr, found.users)) + (", ..." if found.user_count > len(found.users) else "")
        sentence = (
            f"{found.user_count:,} users have a session {found.session_id!r}, whose "
            f"{quantity(found.message_count, 'message')} cannot be told apart: {users}; the command lists the sessions"
        )
        command = self._command("session", "list", filter=f"session_id == {encode_json(found.session_id)}", limit="0")
        return Finding("warning", "shared session", sentence, command)

    def _outdated_session(self, found: OutdatedSession) -> Finding:
        """Return the finding for a session whose update time is too early, and with --fix, mend it."""
        was = "no update_time" if found.update_time is None else f"the update_time {iso_time(found.update_time, None)}"
        last = f"its last message is dated {iso_time(found.last_time, None)}"
        sentence = f"the session {found.session_id!r} of {found.user_id!r} has {was}, but {last}"
        if found.last_time > self._context.clock.now_us() + MARGIN_US:
            # The message's time must be wrong, so it is not copied.
            sentence += ", which is in the future, so update_time was not changed; the command shows the message"
            command = self._command("message", "tail", last="1", arguments=(found.session_id,))
            return Finding("warning", "update_time", sentence, command)
        if not self._fix:
            return Finding("warning", "update_time", sentence, self._command("doctor", "--fix"))
        self._context.store.sessions.touch(found.user_id, found.session_id, found.last_time)
        return Finding("warning", "update_time", f"{sentence}; update_time was set to that", mended=True)

    def _big_cell(self, found: CellSize) -> Finding:
        where = f"{found.kind} {' / '.join(map(repr, found.key))}"
        sentence = f"{found.column} of {where} is {size(found.bytes)}; the limit is 2 MB; the command shows it"
        first, *create_time, last = map(str, found.key)  # a session's key has no create time
        options = {"create_time": create_time[0]} if create_time else {}
        command = self._command(found.kind, "get", arguments=(first, last), output="json", **options)
        return Finding("note", "size", sentence, command)
