"""`tsmem doctor`: one look at everything between a command and what it works on, from the profile down to the rows.

Its one rule: it goes on for as long as there is something to ask, says what it found also where it cannot go on, and
deletes nothing, ever. What stopped it decides the exit code; else 4 where something wrong is left.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from tsmem.cli.app import options as o
from tsmem.cli.app.command_tree import root
from tsmem.cli.app.context import Context, context_of
from tsmem.cli.app.exit_codes import CONFLICT, DENIED, UNAVAILABLE
from tsmem.cli.app.shell_words import all_quoted, command_hint, repeated_command
from tsmem.cli.commands.findings import Finding, FindingGroup, of_file, of_step
from tsmem.cli.io.progress_summary import account
from tsmem.errors import Conflict, NotFound, ProfileError, TsmemError
from tsmem.plurals import quantity
from tsmem.render.result import Advices, Dashboard, Report
from tsmem.render.values import duration

if TYPE_CHECKING:
    from tsmem.profiles import Secret
    from tsmem.store.maintenance.integrity import Trouble
    from tsmem.store.tables import Plan

_NO_PERMISSION = "OTSNoPermissionAccess"
"""For one request; others may be permitted, unlike where the credentials are wrong."""
MAX_SKEW_S = 60.0
"""By how much clocks may differ unnoticed; at 15 minutes the service refuses."""


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
    """One examination."""

    def __init__(self, context: Context, *, fix: bool, progress: bool) -> None:
        self._call = context
        self._fix = fix
        self._progress = progress
        self._findings: list[Finding] = []
        self._stopped_by: TsmemError | None = None

    def run(self) -> Dashboard:
        """Everything, as far as it can be asked."""
        if self._profile() and self._credentials() and self._tables():
            self._rows()
        return self._overview()

    def _stop(self, about: str, error: TsmemError) -> None:
        """Something cannot be asked; nothing behind it can."""
        hint = "" if error.hint is None else f"; {error.hint}"
        how = "show" if about != "profile" else "list" if self._has_list() else "path"
        self._findings.append(
            Finding("error", about, f"{error.message}{hint}", repeated_command(self._call, "profile", how))
        )
        self._stopped_by = self._stopped_by or error

    def _has_list(self) -> bool:
        """Whether `profile list` can read the file of profiles."""
        from tsmem.profiles import profile_list

        try:
            return bool(profile_list(self._call.environ, self._call.options.config))
        except ProfileError:
            return False

    def _profile(self) -> bool:
        from tsmem.profiles import config_path

        context = self._call
        try:
            profile = context.profile
        except ProfileError as error:
            self._stop("profile", error)
            return False
        chosen = profile.origins["name"]
        self._findings.append(Finding("ok", "profile", f"{profile.name} ({chosen}): {profile.target}"))
        for warning in profile.warnings:
            file = config_path(context.environ, context.options.config)
            private = warning.startswith(f"{file}: holds secrets")
            if private:
                command = all_quoted(("chmod", "600", str(file)), unicode=context.streams.unicode)
            else:
                command = repeated_command(context, "profile", "show")
            self._findings.append(Finding("warning", "profile", warning, command))
        return True

    def _credentials(self) -> bool:
        """Whether the store can be opened; that reveals the secrets, each once, and shows none."""
        context = self._call
        profile = context.profile
        try:
            _ = context.store  # opened here; under -O an assert would not be run
        except TsmemError as error:
            self._stop("credentials" if profile.backend == "tablestore" else "store", error)
            return False
        if profile.backend == "local":
            self._findings.append(Finding("ok", "credentials", "none are needed for a file"))
            if profile.path is not None and (found := of_file(context, profile.path)) is not None:
                self._findings.append(found)
            return True
        kept = {key: getattr(profile, key) for key in ("access_key_id", "access_key_secret", "security_token")}
        said = ", ".join(f"{key} {_kept(secret)}" for key, secret in kept.items())
        self._findings.append(Finding("ok", "credentials", f"present: {said}"))
        return True

    def _tables(self) -> bool:
        """Whether there are tables whose rows can be looked at."""
        tables = self._call.store.tables
        if self._fix:
            self._call.say_target("mending")
        try:
            plan = tables.plan()
        except TsmemError as error:
            self._clock()
            self._stop("service", error)
            return error.service_code == _NO_PERMISSION
        self._findings.append(Finding("ok", "service", "it answers"))
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
        found = [finding for step in plan.steps if (finding := of_step(self._call, step)) is not None]
        self._findings += found
        if not found:
            self._findings.append(Finding("ok", "tables", f"all {len(plan.steps)} tables and indexes are as described"))
        if foreign := sorted({step.table for step in plan.steps if step.foreign}):
            sentence = f"not looked at, because table {' and table '.join(foreign)} has another key"
            self._findings.append(
                Finding("error", "rows", sentence, repeated_command(self._call, "init-tables", "--check"))
            )
            return False
        if all(step.state != "missing" and not step.created for step in plan.steps if step.kind == "table"):
            return True
        sentence = "not looked at, because a table is missing or was made just now; this looks again"
        self._findings.append(Finding("note", "rows", sentence, repeated_command(self._call, "doctor")))
        return False

    def _clock(self) -> None:
        skew_s = self._call.store.clock_skew_s()
        if skew_s is None:
            return
        if abs(skew_s) <= MAX_SKEW_S:
            self._findings.append(Finding("ok", "clock", "this machine's and the service's agree within a minute"))
            return
        length = duration(round(abs(skew_s)) * 1_000_000)
        side = "behind" if skew_s > 0 else "ahead of"
        sentence = f"this machine's is {length} {side} the service's, which refuses more than 15 minutes"
        self._findings.append(Finding("warning", "clock", sentence, ("sudo", "timedatectl", "set-ntp", "true")))

    def _rows(self) -> None:
        from tsmem.store.maintenance.integrity import Behind, Orphans, Shared
        from tsmem.store.maintenance.statistics import CellSize

        gathered: dict[type, FindingGroup] = {
            kind: FindingGroup(self._call) for kind in (Orphans, Shared, Behind, CellSize)
        }
        error: TsmemError | None = None
        try:
            self._read(gathered)
        except TsmemError as failure:
            error = failure
        found = [finding for each in gathered.values() for finding in each.findings()]
        self._findings += found
        if error is not None:
            self._stop("rows", error)
        elif not found:
            result = self._call.result
            sentence = f"{quantity(result.sessions, 'session')} and {quantity(result.messages, 'message')} fit together"
            self._findings.append(Finding("ok", "rows", sentence))

    def _read(self, gathered: Mapping[type, FindingGroup]) -> None:
        """Gather the troubles of the store, and mend those that are to be."""
        context = self._call
        with account(context, "looked at", asked=self._progress):
            for trouble in context.store.troubles(result=context.result):
                mendable = self._is_mendable(trouble)
                mends = self._fix and mendable
                if not mends or self._mend(trouble):
                    gathered[type(trouble)].add(trouble, mended=mends, mendable=mendable)

    def _is_mendable(self, trouble: Trouble) -> bool:
        """A last message of the future, by more than clocks may differ, is a mistake that is not to be spread."""
        from tsmem.store.maintenance.integrity import MARGIN_US, Behind

        return isinstance(trouble, Behind) and trouble.last_time <= self._call.clock.now_us() + MARGIN_US

    def _mend(self, trouble: Trouble) -> bool:
        """Whether there still was something to mend."""
        from tsmem.store.maintenance.integrity import Behind

        assert isinstance(trouble, Behind)
        try:
            self._call.store.sessions.touch(trouble.user_id, trouble.session_id, trouble.last_time)
        except NotFound:
            return False
        return True

    def _overview(self) -> Dashboard:
        found = self._findings
        documents = [finding.document() for finding in found]
        left = sum(finding.is_left for finding in found)
        mended = sum(finding.mended for finding in found)
        document = {"findings": documents, "left": left, "mended": mended}
        error = self._stopped_by
        if error is None and left:
            error = Conflict(f"{left:,} finding{' is' if left == 1 else 's are'} left", hint=self._hint())
        rows = [tuple(document.values()) for document in documents]
        report = Report(document, Finding._fields, rows, error)
        return Dashboard(report, [Advices([finding.advice() for finding in found])])

    def _hint(self) -> str | None:
        mendable = [repeated_command(self._call, "init-tables"), repeated_command(self._call, "doctor", "--fix")]
        if self._fix or not any(finding.is_left and finding.command in mendable for finding in self._findings):
            return None
        return f"{command_hint(self._call, 'doctor', '--fix')} mends what can be mended without a decision"


def _kept(secret: Secret | None) -> str:
    """Where a secret is, never what. A variable alone is looked at: a command would be run a second time."""
    if secret is None or (secret.shown.startswith("env:") and secret.find() is None):
        return "(not set)"
    return secret.shown
