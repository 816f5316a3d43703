"""The findings of `tsmem doctor` in words, each with the command that mends it, or that shows it where mending takes a
decision."""

from __future__ import annotations

import stat
from contextlib import suppress
from typing import TYPE_CHECKING, Literal, NamedTuple

from tsmem.cli.app.shell_words import NOT_SHOWN, all_quoted, repeated_command
from tsmem.plurals import quantity
from tsmem.render.result import Advice
from tsmem.render.values import iso_time, size
from tsmem.store.documents import dumps

if TYPE_CHECKING:
    from pathlib import Path

    from tsmem.cli.app.context import Context
    from tsmem.store.maintenance.integrity import Behind, Orphans, Shared, Trouble
    from tsmem.store.maintenance.statistics import CellSize
    from tsmem.store.tables import Step

Severity = Literal["ok", "note", "warning", "error"]
MAX_NAMED = 20
"""The findings of one kind about rows that are named; the others are counted."""


class Finding(NamedTuple):
    severity: Severity
    """error: commands fail; warning: something is wrong; note: worth knowing; ok."""
    about: str
    sentence: str
    command: tuple[str, ...] | None = ()
    """The quoted words of a command line; None for one that cannot be shown."""
    mended: bool = False
    """True if --fix has mended it."""

    @property
    def is_left(self) -> bool:
        """True if something is still wrong."""
        return self.severity in ("warning", "error") and not self.mended

    @property
    def _full_sentence(self) -> str:
        return f"{self.sentence} {NOT_SHOWN}" if self.command is None else self.sentence

    def advice(self) -> Advice:
        """Return the finding as a table shows it."""
        severity = "mended" if self.mended else self.severity
        return Advice(severity, f"{self.about}: {self._full_sentence}", self.command or ())

    def document(self) -> dict[str, object]:
        """Return the finding as every other format prints it."""
        command = " ".join(self.command or ()) or None
        return {**self._asdict(), "sentence": self._full_sentence, "command": command}


def step_finding(context: Context, step: Step) -> Finding | None:
    """Return the finding about a table or index; None if it is as the profile describes it."""
    needed: Severity = "warning" if step.kind == "search index" else "error"
    name, differences = f"{step.kind} {step.name}", "; ".join(step.differences)
    if step.created:
        return Finding(needed, "tables", f"{name} was missing, and is created", mended=True)
    if step.state == "missing":
        refused = f": {differences}" if differences else ""
        command = repeated_command(context, "init-tables", *(["--check"] if step.foreign else []))
        return Finding(needed, "tables", f"{name} is missing{refused}", command)
    if step.state == "different":
        command = repeated_command(context, "init-tables", "--check")
        return Finding("warning", "tables", f"{name} differs: {differences}", command)
    return None


def file_finding(context: Context, path: Path) -> Finding | None:
    """Return the finding about the embedded store's file; None if others can neither read nor change it."""

    def warning(sentence: str, *chmod: str) -> Finding:
        return Finding("warning", "store", sentence, all_quoted(("chmod", *chmod), unicode=context.streams.unicode))

    file = path.resolve()
    with suppress(OSError):
        folder = stat.S_IMODE(file.parent.stat().st_mode)
        if not folder & 0o011:
            return None
        if folder & 0o002:
            sentence = f"others can put files of their own in {file.parent} (mode {folder:o}), where {file.name} is"
            return warning(sentence, "o-w", str(file.parent))
    for each in (file, *(file.with_name(file.name + end) for end in ("-wal", "-shm"))):
        with suppress(OSError):
            mode = stat.S_IMODE(each.stat().st_mode)
            if mode & 0o077:
                can = "read and change" if mode & 0o022 else "read"
                return warning(f"others can {can} {each} (mode {mode:o})", "600", str(each))
    return None


class FindingGroup:
    """The troubles of one kind: the first are named, the rest counted."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._named: list[Finding] = []
        self._more: dict[bool, tuple[int, Finding]] = {}
        """The number of the others and the last of them: True for those that are mended."""

    def add(self, trouble: Trouble, *, mended: bool, mendable: bool) -> None:
        finding = trouble_finding(self._context, trouble, mended=mended, mendable=mendable)
        if len(self._named) < MAX_NAMED:
            self._named.append(finding)
        else:
            count, _ = self._more.get(mended, (0, finding))
            self._more[mended] = (count + 1, finding)

    def findings(self) -> list[Finding]:
        """Return the named findings, then one for each number of others, with the last of them."""
        more = [
            last._replace(sentence=f"{count:,} more, the last: {last.sentence}") for count, last in self._more.values()
        ]
        return [*self._named, *more]


def trouble_finding(context: Context, trouble: Trouble, *, mended: bool, mendable: bool) -> Finding:
    """Return a trouble of the store in words."""
    from tsmem.store.maintenance.integrity import Behind, Orphans, Shared

    match trouble:
        case Orphans():
            return _orphans(context, trouble)
        case Shared():
            return _shared(context, trouble)
        case Behind():
            return _behind(context, trouble, mended=mended, mendable=mendable)
        case _:
            return _big_cell(context, trouble)


def _orphans(context: Context, found: Orphans) -> Finding:
    count, last = quantity(found.messages, "message"), iso_time(found.last_time, None)
    sentence = f"no user has the session {found.session_id!r} of {count}, the last of {last}"
    if found.recent:
        sentence += "; it may be written just now; this looks again"
        return Finding("note", "orphans", sentence, repeated_command(context, "doctor"))
    sentence += "; session put adopts them, and this deletes them"
    return Finding(
        "warning", "orphans", sentence, repeated_command(context, "message", "purge", session=found.session_id)
    )


def _shared(context: Context, found: Shared) -> Finding:
    users = ", ".join(map(repr, found.users)) + (", ..." if found.user_count > len(found.users) else "")
    whose = f"{found.user_count:,} users have a session {found.session_id!r}"
    sentence = (
        f"{whose}, whose {quantity(found.messages, 'message')} cannot be told apart: {users}; this lists the sessions"
    )
    filter_ = f"session_id == {dumps(found.session_id)}"
    return Finding(
        "warning", "shared session", sentence, repeated_command(context, "session", "list", filter=filter_, limit="0")
    )


def _behind(context: Context, found: Behind, *, mended: bool, mendable: bool) -> Finding:
    was = "no update_time" if found.update_time is None else f"the update_time {iso_time(found.update_time, None)}"
    last = f"its last message is of {iso_time(found.last_time, None)}"
    sentence = f"the session {found.session_id!r} of {found.user_id!r} has {was}, and {last}"
    command: tuple[str, ...] | None = ()
    if mended:
        sentence += "; raised to that"
    elif mendable:
        command = repeated_command(context, "doctor", "--fix")
    else:
        sentence += ", which is still to come: not raised; this shows it"
        command = repeated_command(context, "message", "tail", last="1", arguments=(found.session_id,))
    return Finding("warning", "update_time", sentence, command, mended)


def _big_cell(context: Context, found: CellSize) -> Finding:
    first, *rest = map(str, found.key)
    where = f"{found.kind} {' / '.join(map(repr, found.key))}"
    if found.kind == "session":
        look = repeated_command(context, "session", "get", arguments=(first, *rest), output="json")
    else:
        time, message = rest
        look = repeated_command(context, "message", "get", arguments=(first, message), create_time=time, output="json")
    return Finding("note", "size", f"{found.column} of {where} holds {size(found.bytes)} of 2 MB; this shows it", look)
