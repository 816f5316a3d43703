"""`tsmem doctor`: one look at everything between a command and what it works on, from the profile down to the rows.

It goes on as far as it can, reports what it found even if it has to stop, and never deletes anything. The error that
stopped it decides the exit code; otherwise the code is 4 if something wrong is left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tsmem.cli.app import options as o
from tsmem.cli.app.command_tree import root
from tsmem.cli.app.context import Context, context_of
from tsmem.cli.app.exit_codes import CONFLICT, DENIED, UNAVAILABLE
from tsmem.cli.app.shell_words import all_quoted, command_hint, repeated_command
from tsmem.cli.commands.findings import Finding, FindingGroup, Severity, file_finding, step_finding
from tsmem.cli.io.progress_summary import account
from tsmem.errors import Conflict, NotFound, ProfileError, TsmemError
from tsmem.plurals import quantity
from tsmem.render.result import Advices, Dashboard, Report
from tsmem.render.values import duration

if TYPE_CHECKING:
    from tsmem.profiles import Secret
    from tsmem.store.maintenance.integrity import Behind
    from tsmem.store.tables import Plan

_NO_PERMISSION = "OTSNoPermissionAccess"
"""The code for one request that is not permitted; others may be, unlike where the credentials are wrong."""
MAX_SKEW_S = 60.0
"""The difference of clocks from which doctor warns; at 15 minutes the service refuses."""


@root.command(
    help="""Look for what is wrong: the profile, the connection, the tables, and what is stored in them.

    Each finding comes with the command that mends it, or shows it. --fix deletes nothing. Exit 4 when something wrong
    is left, 5 and 6 when the service refuses or cannot be reached.
    """,
    example="tsmem doctor --fix",
    exit_codes=(CONFLICT, DENIED, UNAVAILABLE),
)
def doctor(
    ctx: typer.Context,
    fix: Annotated[
        bool, typer.Option("--fix", help="Create what is missing, and raise update times that lag behind.")
    ] = False,
    progress: o.Progress = False,
) -> Dashboard:
    return Doctor(context_of(ctx), fix=fix, progress=progress).run()


class Doctor:
    """Collects findings step by step, and stops where nothing more can be reached."""

    def __init__(self, context: Context, *, fix: bool, progress: bool) -> None:
        self._context = context
        self._fix = fix
        self._progress = progress
        self._findings: list[Finding] = []
        self._stopped_by: TsmemError | None = None

    def run(self) -> Dashboard:
        """Look at everything that can be reached."""
        if self._profile() and self._credentials() and self._tables():
            self._rows()
        return self._result()

    def _add(self, severity: Severity, about: str, sentence: str, command: tuple[str, ...] | None = ()) -> None:
        self._findings.append(Finding(severity, about, sentence, command))

    def _stop(self, about: str, error: TsmemError) -> None:
        """Report an error behind which nothing can be looked at."""
        from tsmem.profiles import profile_list

        how = "show"
        if about == "profile":
            try:
                how = "list" if profile_list(self._context.environ, self._context.options.config) else "path"
            except ProfileError:
                how = "path"
        hint = "" if error.hint is None else f"; {error.hint}"
        self._add("error", about, f"{error.message}{hint}", repeated_command(self._context, "profile", how))
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
        file = config_path(context.environ, context.options.config)
        for warning in profile.warnings:
            if warning.startswith(f"{file}: holds secrets"):
                command = all_quoted(("chmod", "600", str(file)), unicode=context.streams.unicode)
            else:
                command = repeated_command(context, "profile", "show")
            self._add("warning", "profile", warning, command)
        return True

    def _credentials(self) -> bool:
        """Open the store, which reveals the secrets, each once, and shows none. Return False if it cannot be opened."""
        context = self._context
        profile = context.profile
        try:
            _ = context.store  # opened here; under -O an assert would not be run
        except TsmemError as error:
            self._stop("credentials" if profile.backend == "tablestore" else "store", error)
            return False
        if profile.backend == "local":
            self._add("ok", "credentials", "none are needed for a file")
            if profile.path is not None and (found := file_finding(context, profile.path)) is not None:
                self._findings.append(found)
            return True
        present = []
        for key in ("access_key_id", "access_key_secret", "security_token"):
            secret: Secret | None = getattr(profile, key)
            # A variable alone is looked at: a command would be run a second time.
            if secret is None or (secret.shown.startswith("env:") and secret.find() is None):
                present.append(f"{key} (not set)")
            else:
                present.append(f"{key} {secret.shown}")
        self._add("ok", "credentials", f"present: {', '.join(present)}")
        return True

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
        if not self._fix or not plan.missing:
            return self._compare(plan)
        try:
            return self._compare(tables.apply())
        except TsmemError as error:
            looks = self._compare(plan)
            self._stop("tables", error)
            return looks and error.service_code == _NO_PERMISSION

    def _compare(self, plan: Plan) -> bool:
        found = [finding for step in plan.steps if (finding := step_finding(self._context, step)) is not None]
        self._findings += found
        if not found:
            self._add("ok", "tables", f"all {len(plan.steps)} tables and indexes are as described")
        if foreign := sorted({step.table for step in plan.steps if step.foreign}):
            sentence = f"not looked at, because table {' and table '.join(foreign)} has another key"
            self._add("error", "rows", sentence, repeated_command(self._context, "init-tables", "--check"))
            return False
        if any(step.state == "missing" or step.created for step in plan.steps if step.kind == "table"):
            sentence = "not looked at, because a table is missing or was made just now; this looks again"
            self._add("note", "rows", sentence, repeated_command(self._context, "doctor"))
            return False
        return True

    def _clock(self) -> None:
        skew_s = self._context.store.clock_skew_s()
        if skew_s is None:
            return
        if abs(skew_s) <= MAX_SKEW_S:
            self._add("ok", "clock", "this machine's and the service's agree within a minute")
            return
        length = duration(round(abs(skew_s)) * 1_000_000)
        side = "behind" if skew_s > 0 else "ahead of"
        sentence = f"this machine's is {length} {side} the service's, which refuses more than 15 minutes"
        self._add("warning", "clock", sentence, ("sudo", "timedatectl", "set-ntp", "true"))

    def _rows(self) -> None:
        """Read the rows, and with --fix raise update times that lag behind."""
        from tsmem.store.maintenance.integrity import MARGIN_US, Behind, Orphans, Shared
        from tsmem.store.maintenance.statistics import CellSize

        context, error = self._context, None
        groups: dict[type, FindingGroup] = {kind: FindingGroup(context) for kind in (Orphans, Shared, Behind, CellSize)}
        try:
            with account(context, "looked at", asked=self._progress):
                for trouble in context.store.troubles(result=context.result):
                    mendable = mended = False
                    if isinstance(trouble, Behind):
                        # A last message of the future, by more than clocks may differ, is a mistake not to be spread.
                        mendable = trouble.last_time <= context.clock.now_us() + MARGIN_US
                        mended = mendable and self._fix
                        if mended and not self._mend(trouble):
                            continue
                    groups[type(trouble)].add(trouble, mended=mended, mendable=mendable)
        except TsmemError as failure:
            error = failure
        found = [finding for group in groups.values() for finding in group.findings()]
        self._findings += found
        if error is not None:
            self._stop("rows", error)
        elif not found:
            result = context.result
            counted = f"{quantity(result.sessions, 'session')} and {quantity(result.messages, 'message')}"
            self._add("ok", "rows", f"{counted} fit together")

    def _mend(self, behind: Behind) -> bool:
        """Raise a session's update time. Return False if the session is gone."""
        try:
            self._context.store.sessions.touch(behind.user_id, behind.session_id, behind.last_time)
        except NotFound:
            return False
        return True

    def _result(self) -> Dashboard:
        context, found = self._context, self._findings
        documents = [finding.document() for finding in found]
        left = sum(finding.is_left for finding in found)
        error = self._stopped_by
        if error is None and left:
            hint = None
            mends = (repeated_command(context, "init-tables"), repeated_command(context, "doctor", "--fix"))
            if not self._fix and any(finding.is_left and finding.command in mends for finding in found):
                hint = f"{command_hint(context, 'doctor', '--fix')} mends what can be mended without a decision"
            error = Conflict(f"{left:,} finding{' is' if left == 1 else 's are'} left", hint=hint)
        document = {"findings": documents, "left": left, "mended": sum(finding.mended for finding in found)}
        rows = [tuple(each.values()) for each in documents]
        report = Report(document, Finding._fields, rows, error)
        return Dashboard(report, [Advices([finding.advice() for finding in found])])
