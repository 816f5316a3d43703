"""What `tsmem doctor` says: findings in words, each with the command that mends it, or shows it where mending takes a
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
"""Findings of one kind about what is stored that are named; all are counted."""


class Finding(NamedTuple):
    """One thing that was found."""

    severity: Severity
    """error: commands fail; warning: something is wrong; note: worth knowing; ok."""
    about: str
    sentence: str
    command: tuple[str, ...] | None = ()
    """The quoted words of a command line; None for one that cannot be shown."""
    mended: bool = False
    """Whether --fix has mended it."""

    @property
    def is_left(self) -> bool:
        """Whether something is wrong, still."""
        return self.severity in ("warning", "error") and not self.mended

    def advice(self) -> Advice:
        """As a table shows it."""
        severity = "mended" if self.mended else self.severity
        return Advice(severity, f"{self.about}: {self._full_sentence}", self.command or ())

    @property
    def _full_sentence(self) -> str:
        return f"{self.sentence} {NOT_SHOWN}" if self.command is None else self.sentence

    def document(self) -> dict[str, object]:
        """As every other format prints it."""
        command = " ".join(self.command or ()) or None
        return {**self._asdict(), "sentence": self._full_sentence, "command": command}


def of_step(context: Context, step: Step) -> Finding | None:
    """What is to be said of a table or index; None where it is as the profile describes it."""
    needed: Severity = "warning" if step.kind == "search index" else "error"
    name = f"{step.kind} {step.name}"
    if step.created:
        return Finding(needed, "tables", f"{name} was missing, and is created", mended=True)
    if step.state == "missing":
        refused = f": {'; '.join(step.differences)}" if step.differences else ""
        command = repeated_command(context, "init-tables", *(["--check"] if step.foreign else []))
        return Finding(needed, "tables", f"{name} is missing{refused}", command)
    if step.state == "different":
        why = "; ".join(step.differences)
        return Finding(
            "warning", "tables", f"{name} differs: {why}", repeated_command(context, "init-tables", "--check")
        )
    return None


def of_file(context: Context, path: Path) -> Finding | None:
    """What is to be said of the embedded store's file; None where others can neither read nor change it."""
    file = path.resolve()
    with suppress(OSError):
        folder = stat.S_IMODE(file.parent.stat().st_mode)
        if not folder & 0o011:
            return None
        if folder & 0o002:
            sentence = f"others can put files of their own in {file.parent} (mode {folder:o}), where {file.name} is"
            return Finding("warning", "store", sentence, _on_file(context, "chmod", "o-w", file.parent))
    for each in (file, *(file.with_name(file.name + end) for end in ("-wal", "-shm"))):
        with suppress(OSError):
            mode = stat.S_IMODE(each.stat().st_mode)
            if mode & 0o077:
                can = "read and change" if mode & 0o022 else "read"
                sentence = f"others can {can} {each} (mode {mode:o})"
                return Finding("warning", "store", sentence, _on_file(context, "chmod", "600", each))
    return None


def _on_file(context: Context, *words: object) -> tuple[str, ...] | None:
    return all_quoted(map(str, words), unicode=context.streams.unicode)


class FindingGroup:
    """The troubles of one kind: the first are named, the rest counted."""

    def __init__(self, context: Context) -> None:
        self._call = context
        self._named: list[Finding] = []
        self._more: dict[bool, tuple[int, Finding]] = {}
        """Whether they are mended: how many, and the last."""

    def add(self, trouble: Trouble, *, mended: bool, mendable: bool) -> None:
        """One more."""
        finding = of_trouble(self._call, trouble, mended=mended, mendable=mendable)
        if len(self._named) < MAX_NAMED:
            self._named.append(finding)
            return
        count, _ = self._more.get(mended, (0, finding))
        self._more[mended] = (count + 1, finding)

    def findings(self) -> list[Finding]:
        """What to say: those that are named, and how many more there are, with the last of them."""
        more = [
            last._replace(sentence=f"{count:,} more, the last: {last.sentence}") for count, last in self._more.values()
        ]
        return [*self._named, *more]


def of_trouble(context: Context, trouble: Trouble, *, mended: bool, mendable: bool) -> Finding:
    """A trouble in words."""
    from tsmem.store.maintenance.integrity import Behind, Orphans, Shared

    match trouble:
        case Orphans():
            return _orphans(context, trouble)
        case Shared():
            return _shared(context, trouble)
        case Behind():
            return _behind(context, trouble, mended=mended, mendable=mendable)
        case _:
            return _cell(context, trouble)


def _orphans(context: Context, found: Orphans) -> Finding:
    what = f"{quantity(found.messages, 'message')}, the last of {_time(found.last_time)}"
    if found.recent:
        sentence = (
            f"no user has the session {found.session_id!r} of {what}; it may be written just now; this looks again"
        )
        return Finding("note", "orphans", sentence, repeated_command(context, "doctor"))
    return Finding(
        "warning",
        "orphans",
        f"no user has the session {found.session_id!r} of {what}; session put adopts them, and this deletes them",
        repeated_command(context, "message", "purge", session=found.session_id),
    )


def _shared(context: Context, found: Shared) -> Finding:
    users = ", ".join(map(repr, found.users)) + (", ..." if found.user_count > len(found.users) else "")
    literal, count = dumps(found.session_id), quantity(found.messages, "message")
    return Finding(
        "warning",
        "shared session",
        f"{found.user_count:,} users have a session {found.session_id!r}, whose {count} cannot be "
        f"told apart: {users}; this lists the sessions",
        repeated_command(context, "session", "list", filter=f"session_id == {literal}", limit="0"),
    )


def _behind(context: Context, found: Behind, *, mended: bool, mendable: bool) -> Finding:
    was = "no update_time" if found.update_time is None else f"the update_time {_time(found.update_time)}"
    last = f"its last message is of {_time(found.last_time)}"
    sentence = f"the session {found.session_id!r} of {found.user_id!r} has {was}, and {last}"
    if mended:
        return Finding("warning", "update_time", f"{sentence}; raised to that", mended=True)
    if mendable:
        return Finding("warning", "update_time", sentence, repeated_command(context, "doctor", "--fix"))
    look = repeated_command(context, "message", "tail", last="1", arguments=(found.session_id,))
    return Finding("warning", "update_time", f"{sentence}, which is still to come: not raised; this shows it", look)


def _cell(context: Context, found: CellSize) -> Finding:
    first, *rest = map(str, found.key)
    where = f"{found.kind} {' / '.join(map(repr, found.key))}"
    if found.kind == "session":
        look = repeated_command(context, "session", "get", arguments=(first, *rest), output="json")
    else:
        time, message = rest
        look = repeated_command(context, "message", "get", arguments=(first, message), create_time=time, output="json")
    return Finding("note", "size", f"{found.column} of {where} holds {size(found.bytes)} of 2 MB; this shows it", look)


def _time(time_us: int) -> str:
    return iso_time(time_us, None)
