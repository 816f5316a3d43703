"""Files that commands write: existing content is kept or refused, and a new file is complete or not there."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Cli, Outcome, Processes, messages
from tests.support.mounts import run_on_small_disk
from tests.support.privileges import (
    CAP_CHOWN,
    OTHER_USER,
    drop_capabilities,
    give_to_another_user,
    needs_root,
    obey_file_modes,
    permission_bits,
    skip_unless_possible,
)
from tsmem.store.documents import export_line

BAD = b"{not json\n"
ONE_ROW = export_line(messages(1)[0])


def rejecting(cli: Cli, name: str, stdin: bytes = BAD) -> Outcome:
    """Import one line that cannot be read, with this file for rejects."""
    return cli("import", "-", "--rejects", name, stdin=stdin)


WRITERS: dict[str, Callable[[Cli, str], Outcome]] = {
    "export": lambda cli, name: cli("export", name),
    "rejects": rejecting,
}
"""Commands that write a file with a given name."""
writers = pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)


def made(name: str, mode: int = 0o600, content: bytes = b"") -> Path:
    """Make a file with this mode and content."""
    path = Path(name)
    path.write_bytes(content)
    path.chmod(mode)
    return path


@contextmanager
def descriptor(path: Path, flags: int) -> Iterator[int]:
    """Open a file in this process and yield its descriptor."""
    number = os.open(path, flags)
    try:
        yield number
    finally:
        os.close(number)


def interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def fail(*_: object) -> None:
    raise OSError(errno.EIO, os.strerror(errno.EIO))


# Files that are already at the path of --rejects


def test_a_rejects_file_with_other_lines_is_refused(ready: Cli) -> None:
    """Nothing is imported, even if nothing would be rejected."""
    rejecting(ready, "bad")
    rejects = Path("bad").read_bytes()
    for content in (export_line(messages(1)[0]), b"\xff\xfe", b"5\n", rejects + b"notes\n"):
        notes = made("notes.txt", 0o644, content)
        outcome = rejecting(ready, "notes.txt", stdin=ONE_ROW)

        assert outcome.code == 2
        assert "error: notes.txt is not a file of rejects\n" in outcome.err
        assert (content, 0o644) == (notes.read_bytes(), permission_bits(notes))
    assert ready.export().count(b"\n") == 2


def test_rejects_are_appended_to_those_of_an_earlier_import(ready: Cli) -> None:
    rejecting(ready, "bad", b"first\n")
    before = Path("bad").read_bytes().rstrip(b"\n")
    Path("bad").write_bytes(before)
    assert rejecting(ready, "bad", b"second\n").code == 7
    after = Path("bad").read_bytes()
    assert rejecting(ready, "bad", b"second\n").code == 7

    assert Path("bad").read_bytes() == after
    assert after.startswith(before)
    assert [b'"first' in line for line in after.splitlines()] == [True, False]
    assert ready("import", "bad", "--rejects", "worse").code == 7


@pytest.mark.parametrize("holds", ["rejects", "nothing"])
def test_a_rejects_file_keeps_its_bytes_and_mode_when_nothing_is_rejected(ready: Cli, holds: str) -> None:
    if holds == "rejects":
        rejecting(ready, "bad")
    before = Path("bad").read_bytes() if holds == "rejects" else b""
    bad = made("bad", 0o640, before)
    assert rejecting(ready, "bad", stdin=ONE_ROW).code == 0
    assert (before, 0o640) == (bad.read_bytes(), permission_bits(bad))


def test_a_dangling_link_for_rejects_stays_when_nothing_is_rejected(ready: Cli) -> None:
    Path("link").symlink_to("behind")
    assert rejecting(ready, "link", stdin=ONE_ROW).code == 0
    assert Path("link").is_symlink()
    assert not Path("behind").exists()
    assert rejecting(ready, "link").code == 7
    assert Path("behind").is_file()


@pytest.mark.parametrize("name", ["/dev/null", "/dev/fd/{}", "pipe"])
def test_rejects_to_a_pipe_or_device_give_no_hint_to_import_them(ready: Cli, name: str) -> None:
    os.mkfifo("pipe")
    with descriptor(Path("pipe"), os.O_RDWR) as opened:
        outcome = rejecting(ready, name.format(opened))
    assert outcome.code == 7
    assert "1 of 1 line could not be read" in outcome.err
    assert "import it" not in outcome.err


@pytest.mark.parametrize(("name", "words"), [("-", "name a file"), ("", "the file name is empty")])
def test_rejects_refuse_names_that_cannot_be_files(ready: Cli, name: str, words: str) -> None:
    outcome = rejecting(ready, name)
    assert (outcome.code, words in outcome.err) == (2, True), outcome.err
    assert [path.name for path in ready.folder.iterdir()] == ["data"]


# Devices, pipes and open descriptors


def test_an_export_to_an_open_descriptor_is_appended(ready: Cli, process: Processes) -> None:
    Path("link").symlink_to("/dev/stdout")
    outcome = process.shell(
        "echo before > a; $TSMEM export /dev/fd/3 3>> a && $TSMEM export link >> a && echo after >> a"
    )
    assert outcome.code == 0, outcome
    lines = Path("a").read_bytes().splitlines()
    assert (lines[0], lines[-1], len(lines)) == (b"before", b"after", 6)


def test_rejects_to_an_open_descriptor_are_appended(ready: Cli) -> None:
    """The content of the file does not matter: whoever opened it for appending wants that."""
    Path("log").write_bytes(b"before\n")
    with descriptor(Path("log"), os.O_WRONLY | os.O_APPEND) as opened:
        assert rejecting(ready, f"/dev/fd/{opened}").code == 7
    assert Path("log").read_bytes().startswith(b'before\n{"kind": "rejected"')


@pytest.mark.parametrize("number", [199, 10**30])
def test_rejects_to_a_closed_descriptor_are_refused(ready: Cli, number: int) -> None:
    with suppress(OSError):
        os.close(199)
    outcome = rejecting(ready, f"/dev/fd/{number}")
    assert outcome.code == 2
    assert f"error: cannot write /dev/fd/{number}: Bad file descriptor\n" in outcome.err


@writers
def test_a_descriptor_open_only_for_reading_is_refused(ready: Cli, write: Callable[[Cli, str], Outcome]) -> None:
    Path("a").write_bytes(b"a")
    with descriptor(Path("a"), os.O_RDONLY) as opened:
        outcome = write(ready, f"/dev/fd/{opened}")
    assert outcome.code == 2
    assert "it is open for reading only" in outcome.err


# Stores; more cases, and the profile file, are in the table of errors


@writers
@pytest.mark.parametrize("flags", [os.O_WRONLY | os.O_APPEND, os.O_RDWR])
def test_a_descriptor_of_the_store_file_is_refused(
    ready: Cli, write: Callable[[Cli, str], Outcome], flags: int
) -> None:
    ready.config('[profiles.other]\nbackend = "local"\npath = "other.db"\n')
    ready.ok("-p", "other", "init-tables")
    store = ready.folder / "config" / "tsmem" / "other.db"
    before = store.read_bytes()
    with descriptor(store, flags) as opened:
        outcome = write(ready, f"/dev/fd/{opened}")
    assert outcome.code == 2
    assert before == store.read_bytes()


def test_an_export_to_a_descriptor_of_the_store_is_refused(ready: Cli, process: Processes) -> None:
    before = ready.database.read_bytes()
    outcome = process.shell(f"$TSMEM export >> {ready.database}")
    assert outcome.code == 2, outcome
    assert "standard output is the store itself" in outcome.err
    assert before == ready.database.read_bytes()


# Files of other users


@needs_root
@writers
@pytest.mark.parametrize("kind", ["file", "empty file", "pipe", "link", "folder's link"])
def test_a_file_of_another_user_is_not_written(ready: Cli, write: Callable[[Cli, str], Outcome], kind: str) -> None:
    out = Path("shared/out")
    out.parent.mkdir()
    out.parent.chmod(0o1777)
    Path("mine").mkdir()
    if kind == "pipe":
        os.mkfifo(out)
    elif "link" in kind:
        out.symlink_to("../mine" if kind == "folder's link" else "../mine/out")
    else:
        out.write_bytes(b"theirs" if kind == "file" else b"")
    give_to_another_user(out)
    if not out.is_symlink():
        out.chmod(0o666)
    outcome = write(ready, str(out / "out" if kind == "folder's link" else out))

    assert outcome.code == 2, outcome
    assert "belongs to another user" in outcome.err
    assert "write to another file" in outcome.err
    assert [] == [*Path("mine").iterdir()]
    assert not out.is_file() or out.read_bytes() in (b"theirs", b"")


# Files that are replaced


def test_an_export_keeps_the_mode_of_an_existing_file_and_creates_private_ones(ready: Cli) -> None:
    out = made("out", 0o644)
    ready.ok("export", "out")
    ready.ok("export", "new")
    assert (0o644, 0o600) == (permission_bits(out), permission_bits(Path("new")))


@needs_root
def test_an_export_over_a_file_keeps_its_group(ready: Cli) -> None:
    out = made("out", 0o640)
    os.chown(out, 0, OTHER_USER)
    ready.ok("export", "out")
    assert (0, OTHER_USER, 0o640) == (out.stat().st_uid, out.stat().st_gid, permission_bits(out))


@needs_root
def test_an_export_that_cannot_keep_the_group_removes_the_group_permissions(ready: Cli, process: Processes) -> None:
    """They would give the rights of one group to another. A warning says so."""
    out = made("out", 0o664)
    os.chown(out, 0, OTHER_USER)
    outcome = skip_unless_possible(process.run("export", "out", before=drop_capabilities(CAP_CHOWN)))
    assert outcome.code == 0, outcome
    assert (0, 0, 0o604) == (out.stat().st_uid, out.stat().st_gid, permission_bits(out))
    assert "warning: out: its group could not be kept" in outcome.err


def test_an_export_over_a_file_keeps_its_access_control_list(ready: Cli) -> None:
    """The list's mask is stored in the group bits of the mode. Without the list, the group would get the rights of the
    mask."""
    entries = (
        (1, 6, -1),
        (2, 4, OTHER_USER),
        (4, 0, -1),
        (16, 4, -1),
        (32, 0, -1),
    )  # owner, a user, group, mask, others
    acl = struct.pack("<I", 2) + b"".join(struct.pack("<HHi", *entry) for entry in entries)
    Path("out").touch()
    try:
        os.setxattr("out", "system.posix_acl_access", acl)
    except OSError:
        pytest.skip("this file system has no access control lists")
    ready.ok("export", "out")
    assert (acl, 0o640) == (os.getxattr("out", "system.posix_acl_access"), permission_bits(Path("out")))


def test_an_export_leaves_a_read_only_file_alone(ready: Cli, process: Processes) -> None:
    out = made("out", 0o444, b"mine")
    outcome = skip_unless_possible(process.run("export", "out", before=obey_file_modes))
    assert (2, b"mine") == (outcome.code, out.read_bytes())
    assert "error: cannot write out: Permission denied\n" in outcome.err


def test_an_export_to_a_file_with_a_long_name_works(ready: Cli) -> None:
    """The partial file's name must not be longer than the file's."""
    ready.ok("export", "x" * 255)
    assert ["x" * 255] == [path.name for path in ready.folder.iterdir() if path.is_file()]


@pytest.mark.parametrize("name", ["", "out/", "file/", "file/out", "x" * 256])
def test_an_export_to_an_impossible_file_name_is_refused(ready: Cli, name: str) -> None:
    Path("file").write_bytes(b"mine")
    outcome = ready("export", name)
    assert outcome.code == 2, outcome
    assert ("cannot write " if name else "the file name is empty") in outcome.err
    assert ["data", "file"] == sorted(path.name for path in ready.folder.iterdir())


def synced(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, bool]]:
    """Record each sync from now on: the inode, and whether `out` existed."""
    found: list[tuple[int, bool]] = []
    real = os.fsync

    def noting(number: int) -> None:
        found.append((os.fstat(number).st_ino, Path("out").exists()))
        real(number)

    monkeypatch.setattr(os, "fsync", noting)
    return found


def test_an_export_is_synced_before_it_is_reported(ready: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    found = synced(monkeypatch)
    ready.ok("export", "out")
    assert [(Path("out").stat().st_ino, False), (Path().stat().st_ino, True)] == found


def test_an_export_to_an_open_file_is_synced(ready: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    with Path("open").open("wb") as stream:
        found = synced(monkeypatch)
        ready.ok("export", f"/dev/fd/{stream.fileno()}")
        assert [(os.fstat(stream.fileno()).st_ino, False)] == found


def test_new_folders_of_a_store_are_synced(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each new folder is an entry of its parent, so the parent is synced too."""
    found = synced(monkeypatch)
    cli.ok("init-tables")
    store = cli.database.parent
    assert {folder.stat().st_ino for folder in (store, store.parent, cli.folder)} <= {inode for inode, _ in found}


@pytest.mark.parametrize("function", ["flock", "fsync", "replace"])
def test_an_interrupted_export_leaves_no_file(ready: Cli, monkeypatch: pytest.MonkeyPatch, function: str) -> None:
    Path("out").write_bytes(b"mine")
    module = fcntl if function == "flock" else os
    real = getattr(module, function)

    with monkeypatch.context() as patch:

        def interrupted(*args: Any, **options: Any) -> object:
            real(*args, **options)
            patch.setattr(module, function, real)
            raise KeyboardInterrupt

        patch.setattr(module, function, interrupted)
        assert ready("export", "out").code == 130
    assert ["data", "out"] == sorted(path.name for path in ready.folder.iterdir())
    assert function == "replace" or Path("out").read_bytes() == b"mine"


def part(name: str = "out") -> Path:
    """Return the partial file that an export writes and then renames."""
    return Path(f"tsmem-{sha256(name.encode()).hexdigest()[:16]}.part")


def test_killed_exports_leave_one_partial_file_that_the_next_export_removes(ready: Cli, process: Processes) -> None:
    ready.fill(messages(3))
    kill = "import os; os.fsync = lambda _: os.kill(os.getpid(), 9); from tsmem.__main__ import run; run()"
    for _ in range(2):
        started = subprocess.run([sys.executable, "-c", kill, "export", "out"], env=process.environ, check=False)
        assert started.returncode == -9
    assert [part()] == [*Path().glob("*.part")]
    ready.ok("export", "out")
    assert ["data", "out"] == sorted(path.name for path in ready.folder.iterdir())


def test_two_exports_to_one_file_do_not_harm_each_other(ready: Cli) -> None:
    with part().open("wb") as theirs:
        fcntl.flock(theirs, fcntl.LOCK_EX)
        ready.ok("export", "out")
        assert os.path.samestat(os.fstat(theirs.fileno()), part().stat())
    assert Path("out").read_bytes() == ready.export()
    assert [part()] == [*Path().glob("*.part")]


PLANTED: dict[str, Callable[[Path], object]] = {
    "link": lambda victim: part().symlink_to(victim),
    "hard link": lambda victim: part().hardlink_to(victim),
    "pipe": lambda _: os.mkfifo(part()),
    "folder": lambda _: part().mkdir(),
}


@pytest.mark.parametrize("plant", PLANTED.values(), ids=PLANTED)
def test_a_foreign_file_at_the_name_of_the_partial_file_is_not_written(
    ready: Cli, plant: Callable[[Path], object]
) -> None:
    victim = made("victim", content=b"mine")
    plant(victim)
    ready.ok("export", "out")
    assert Path("out").read_bytes() == ready.export()
    assert victim.read_bytes() == b"mine"


def test_exports_on_a_file_system_without_locks_leave_no_partial_files(
    ready: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody could tell a left-over one from the file of a running process."""

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    open_before = len([*Path("/dev/fd").iterdir()])
    ready.ok("export", "out")
    assert len([*Path("/dev/fd").iterdir()]) == open_before
    assert ["data", "out"] == sorted(path.name for path in ready.folder.iterdir())


@pytest.mark.parametrize("ends", [interrupt, fail])
def test_an_export_interrupted_after_the_rename_is_not_reported_as_missing(
    ready: Cli, monkeypatch: pytest.MonkeyPatch, ends: Callable[..., object]
) -> None:
    ready.fill(messages(3))
    monkeypatch.setattr("tsmem.transfer.files.outputs.sync_folder", ends)
    stopped = ready("export", "out", "--progress")
    assert Path("out").read_bytes() == ready.export()
    assert stopped.code in (1, 130)
    assert "not written" not in stopped.err


@pytest.mark.parametrize("ends", [interrupt, fail])
def test_a_half_written_mounted_file_names_the_file_with_the_content(
    ready: Cli, monkeypatch: pytest.MonkeyPatch, ends: Callable[..., object]
) -> None:
    """The old content is overwritten and the new one incomplete, so the complete copy must be found."""
    ready.fill(messages(3))
    wanted = ready.export()
    Path("out").write_bytes(b"mine")

    def refuse(*_: object, **__: object) -> None:
        monkeypatch.setattr(os, "fsync", ends)  # the next fsync is the mounted file's
        raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", refuse)
        stopped = ready("export", "out")
    (kept,) = Path().glob("*.whole")
    assert kept.read_bytes() == wanted
    assert f"out is only half written: its whole content is in {kept.name}\n" in stopped.err
    assert "not written" not in stopped.err


def test_an_interrupted_import_removes_the_empty_rejects_file_it_created(
    ready: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("in").write_bytes(ONE_ROW)
    with monkeypatch.context() as patch:
        patch.setattr("tsmem.transfer.rejects.fcntl.flock", interrupt)
        assert ready("import", "in", "--rejects", "bad").code == 130
    assert not Path("bad").exists()


def test_a_full_disk_leaves_no_half_written_reject(process: Processes, ready: Cli) -> None:
    Path("in").write_bytes(b"".join(b'"%s\n' % (b"%d" % n * 9000) for n in range(9)))
    script = (
        f"export XDG_DATA_HOME={ready.folder}/data; $TSMEM import in --rejects disk/bad; code=$?; cat disk/bad; "
        "mount -o remount,size=1024k disk; $TSMEM import in --rejects disk/bad 2>/dev/null; wc -l <disk/bad; exit $code"
    )
    outcome = run_on_small_disk(process, 32, script)
    assert outcome.code == 1, outcome
    assert "cannot write disk/bad: No space left on device" in outcome.err
    *kept, count = outcome.out.splitlines()
    assert [json.loads(line)["line"] for line in kept] == [*range(1, len(kept) + 1)] != []
    assert count == b"9"


def test_a_folder_that_cannot_be_written_is_named_as_the_reason(process: Processes, ready: Cli) -> None:
    Path("ro").mkdir()
    Path("ro/out").write_bytes(b"mine")
    Path("ro").chmod(0o555)
    outcome = skip_unless_possible(process.run("export", "ro/out", before=obey_file_modes))
    assert "error: cannot write ro/out: its folder cannot be written\n" in outcome.err
    assert Path("ro/out").read_bytes() == b"mine"


def test_a_mounted_file_is_written_in_place(ready: Cli, process: Processes) -> None:
    """A file that is mounted into a container cannot be replaced. The complete content is written elsewhere first."""
    ready.fill(messages(3))
    script = (
        f"export XDG_DATA_HOME={ready.folder}/data; echo before > disk/real; touch out; "
        "mount --bind disk/real out && $TSMEM export out >&2 && cat disk/real; ls -A >&2"
    )
    outcome = run_on_small_disk(process, 1024, script)
    assert outcome.out == ready.export(), outcome
    assert ".part" not in outcome.err


# A closed standard input


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("message put s --content-file /dev/stdin <&-", "it is closed"),
        ("session put u s -m k@- <&-", "it is closed"),
        ("import - <&-", "it is closed"),
        ("import /dev/stdin <&-", "it is closed"),
        ("message put s --content-file - 0>out", ""),
    ],
)
def test_a_closed_or_unreadable_standard_input_is_not_taken_for_an_empty_one(
    ready: Cli, process: Processes, line: str, said: str
) -> None:
    outcome = process.shell(f"$TSMEM {line}")
    assert outcome.code == 2, outcome
    assert f"cannot read standard input: {said}" in outcome.err
    assert ready.export().count(b"\n") == 2
