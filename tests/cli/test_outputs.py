"""Files that commands write: what stands there is kept or refused, and a file is whole or not there."""

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
from tests.support.mounts import on_small_disk
from tests.support.privileges import (
    ANOTHER,
    CAP_CHOWN,
    given,
    mode,
    modes_count,
    needs_root,
    skip_unless_possible,
    without,
)
from tsmem.store.documents import export_line

BAD = b"{not json\n"
OTHER_PROFILE = '[profiles.other]\nbackend = "local"\npath = "other.db"\n'


def rejecting(cli: Cli, name: str, stdin: bytes = BAD) -> Outcome:
    """Import one line that cannot be read, and keep it in the file."""
    return cli("import", "-", "--rejects", name, stdin=stdin)


WRITERS: dict[str, Callable[[Cli, str], Outcome]] = {
    "export": lambda cli, name: cli("export", name),
    "rejects": rejecting,
}
"""Commands that are given the name of a file to write."""
writers = pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)


@contextmanager
def descriptor(path: Path, flags: int) -> Iterator[int]:
    """A file that is open in this process."""
    number = os.open(path, flags)
    try:
        yield number
    finally:
        os.close(number)


def interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def fail(*_: object) -> None:
    raise OSError(errno.EIO, os.strerror(errno.EIO))


# What --rejects finds in its place


@pytest.mark.parametrize(
    "content",
    [
        b'{"kind": "tsmem", "version": 1}\n',
        b'{"kind": "message", "session_id": "s", "message_id": "m", "create_time": 1}\n',
        b"\xff\xfe",
        b"5\n",
    ],
)
def test_rejects_refuse_a_file_that_holds_something_else(ready: Cli, content: bytes) -> None:
    """It stays as it is, and nothing is imported, although nothing would be rejected."""
    Path("notes.txt").write_bytes(content)
    Path("notes.txt").chmod(0o644)
    outcome = rejecting(ready, "notes.txt", stdin=b"".join(map(export_line, messages(1))))

    assert outcome.code == 2
    assert "error: notes.txt is not a file of rejects\n" in outcome.err
    assert (content, 0o644) == (Path("notes.txt").read_bytes(), mode(Path("notes.txt")))
    assert ready.export().count(b"\n") == 2


def test_rejects_refuse_a_file_in_which_a_later_line_is_no_reject(ready: Cli) -> None:
    rejecting(ready, "bad")
    with Path("bad").open("ab") as stream:
        stream.write(b"notes\n")
    before = Path("bad").read_bytes()
    assert rejecting(ready, "bad").code == 2
    assert before == Path("bad").read_bytes()


def test_rejects_are_added_to_those_of_an_earlier_import(ready: Cli) -> None:
    """What stands there stays, a reject that it holds is not repeated, and the file can be imported."""
    rejecting(ready, "bad", b"first\n")
    before = Path("bad").read_bytes()
    assert rejecting(ready, "bad", b"second\n").code == 7
    after = Path("bad").read_bytes()
    assert rejecting(ready, "bad", b"second\n").code == 7

    assert Path("bad").read_bytes() == after
    assert after.startswith(before)
    assert [b'"first' in line for line in after.splitlines()] == [True, False]
    assert ready("import", "bad", "--rejects", "worse").code == 7


@pytest.mark.parametrize("holds", ["rejects", "nothing"])
def test_a_file_of_rejects_keeps_its_bytes_and_mode_when_nothing_is_rejected(ready: Cli, holds: str) -> None:
    if holds == "rejects":
        rejecting(ready, "bad")
    Path("bad").touch()
    Path("bad").chmod(0o640)
    before = Path("bad").read_bytes()
    assert rejecting(ready, "bad", stdin=b"".join(map(export_line, messages(1)))).code == 0
    assert (before, 0o640) == (Path("bad").read_bytes(), mode(Path("bad")))


def test_a_reject_behind_a_last_line_without_an_end(ready: Cli) -> None:
    """An editor may leave none: the next reject begins on a line of its own."""
    rejecting(ready, "bad", b"first\n")
    Path("bad").write_bytes(Path("bad").read_bytes().rstrip(b"\n"))
    assert rejecting(ready, "bad", b"second\n").code == 7
    assert [b"first" in line for line in Path("bad").read_bytes().splitlines()] == [True, False]


def test_a_link_to_a_file_of_rejects_that_is_not_there_stays(ready: Cli) -> None:
    """The file that was made behind it is removed when it is empty, and the link is not."""
    Path("link").symlink_to("behind")
    assert rejecting(ready, "link", stdin=b"".join(map(export_line, messages(1)))).code == 0
    assert Path("link").is_symlink()
    assert not Path("behind").exists()
    assert rejecting(ready, "link").code == 7
    assert Path("behind").is_file()


@pytest.mark.parametrize("name", ["/dev/null", "/dev/fd/{}", "pipe"])
def test_rejects_that_no_file_keeps_are_not_to_be_imported(ready: Cli, name: str) -> None:
    """Nothing says that /dev/null, a pipe or an open descriptor holds them."""
    os.mkfifo("pipe")
    with descriptor(Path("pipe"), os.O_RDWR) as opened:
        outcome = rejecting(ready, name.format(opened))
    assert outcome.code == 7
    assert "1 of 1 line could not be read" in outcome.err
    assert "import it" not in outcome.err


def test_rejects_are_not_read_back_in_the_same_import(ready: Cli) -> None:
    """A pipe that is read and written at once would never end."""
    os.mkfifo("pipe")
    with descriptor(Path("pipe"), os.O_RDWR) as opened:
        os.write(opened, BAD)
        outcome = ready("import", "pipe", "--rejects", "pipe")
    assert outcome.code == 2
    assert "pipe is what is imported" in outcome.err


@pytest.mark.parametrize(("name", "words"), [("-", "a file"), ("", "a file without a name")])
def test_names_that_rejects_do_not_take(ready: Cli, name: str, words: str) -> None:
    """A file that is named - would be a file of that name."""
    outcome = rejecting(ready, name)
    assert (outcome.code, words in outcome.err) == (2, True), outcome.err
    assert [path.name for path in ready.folder.iterdir()] == ["data"]


# Devices, pipes, and descriptors that are open already


def test_an_export_to_an_open_descriptor_is_written_behind_what_is_there(ready: Cli, process: Processes) -> None:
    """`>>` appends, also when the descriptor is named, or a link of one's own leads to it."""
    Path("link").symlink_to("/dev/stdout")
    outcome = process.shell(
        "echo before > a; $TSMEM export /dev/fd/3 3>> a && $TSMEM export link >> a && echo after >> a"
    )
    assert outcome.code == 0, outcome
    lines = Path("a").read_bytes().splitlines()
    assert (lines[0], lines[-1], len(lines)) == (b"before", b"after", 6)


def test_rejects_to_an_open_descriptor_are_written_behind_what_is_there(ready: Cli) -> None:
    """Whatever the file holds: who opened it for appending wants that."""
    Path("log").write_bytes(b"before\n")
    with descriptor(Path("log"), os.O_WRONLY | os.O_APPEND) as opened:
        assert rejecting(ready, f"/dev/fd/{opened}").code == 7
    assert Path("log").read_bytes().startswith(b'before\n{"kind": "rejected"')


@pytest.mark.parametrize("number", [199, 10**30])
def test_rejects_to_a_descriptor_that_is_not_open(ready: Cli, number: int) -> None:
    """Nothing that this process opens itself takes its place."""
    with suppress(OSError):
        os.close(199)
    outcome = rejecting(ready, f"/dev/fd/{number}")
    assert outcome.code == 2
    assert f"error: cannot write /dev/fd/{number}: Bad file descriptor\n" in outcome.err


@writers
def test_a_descriptor_that_is_open_for_reading_alone(ready: Cli, write: Callable[[Cli, str], Outcome]) -> None:
    Path("a").write_bytes(b"a")
    with descriptor(Path("a"), os.O_RDONLY) as opened:
        outcome = write(ready, f"/dev/fd/{opened}")
    assert outcome.code == 2
    assert "it is open for reading only" in outcome.err


def test_an_export_into_a_pipe_whose_reader_went_away_ends_quietly(ready: Cli, process: Processes) -> None:
    ready.fill(messages(200, content="x" * 1000))
    outcome = process.shell("{ $TSMEM export /dev/fd/3 3>&1; echo $? >&2; } | head -c 10 >/dev/null")
    assert outcome.err == "141\n"


# Stores and profile files


def other_store(cli: Cli) -> Path:
    cli.config(OTHER_PROFILE)
    cli.ok("-p", "other", "init-tables")
    return cli.folder / "config" / "tsmem" / "other.db"


def other_log(cli: Cli) -> Path:
    """A file beside another profile's store."""
    log = other_store(cli).with_name("other.db-wal")
    log.touch()
    return log


def own_lock(cli: Cli) -> Path:
    """A file beside the store in use that is not there yet."""
    return cli.database.with_name(f"{cli.database.name}.lock")


def symbolic_link(cli: Cli) -> Path:
    """A link to another profile's store."""
    Path("link").symlink_to(other_store(cli))
    return Path("link")


def no_profile_file(cli: Cli) -> Path:
    """Where the profile file would be."""
    path = cli.config("")
    path.unlink()
    return path


def name_of_profile_file(cli: Cli) -> Path:
    """Another name of the profile file."""
    os.link(cli.config(OTHER_PROFILE), "name")
    return Path("name")


PRECIOUS = (own_lock, other_log, symbolic_link, no_profile_file, name_of_profile_file)
"""Further ones are in the table of errors."""


@pytest.mark.parametrize(
    ("make", "write"),
    [*((make, WRITERS["export"]) for make in PRECIOUS), (other_store, rejecting), (no_profile_file, rejecting)],
)
def test_a_store_and_the_profile_file_are_never_written_over(
    ready: Cli, make: Callable[[Cli], Path], write: Callable[[Cli, str], Outcome]
) -> None:
    path = make(ready)
    before = path.read_bytes() if path.exists() else None
    outcome = write(ready, str(path))

    assert outcome.code == 2, outcome
    assert f"error: {path} is " in outcome.err
    assert "write to another file" in outcome.err
    assert before == (path.read_bytes() if path.exists() else None)
    assert ready.export().count(b"\n") == 2


@writers
@pytest.mark.parametrize("flags", [os.O_WRONLY | os.O_APPEND, os.O_RDWR])
def test_a_descriptor_of_a_store_is_not_written_to(
    ready: Cli, write: Callable[[Cli, str], Outcome], flags: int
) -> None:
    store = other_store(ready)
    before = store.read_bytes()
    with descriptor(store, flags) as opened:
        outcome = write(ready, f"/dev/fd/{opened}")
    assert outcome.code == 2
    assert before == store.read_bytes()


def test_an_export_is_not_appended_to_a_store(ready: Cli, process: Processes) -> None:
    """Also where the shell opened it: `tsmem export >> memory.db`."""
    before = ready.database.read_bytes()
    outcome = process.shell(f"$TSMEM export >> {ready.database}")
    assert outcome.code == 2, outcome
    assert "standard output is the store itself" in outcome.err
    assert before == ready.database.read_bytes()


# Files of others


@needs_root
@writers
@pytest.mark.parametrize("kind", ["file", "empty file", "pipe", "folder's link"])
def test_what_belongs_to_another_user_is_not_written(
    ready: Cli, write: Callable[[Cli, str], Outcome], kind: str
) -> None:
    """They could read it: a file that is open to all, a pipe whose other end they hold, a link."""
    out = Path("shared/out")
    out.parent.mkdir()
    out.parent.chmod(0o1777)
    Path("mine").mkdir()
    with suppress(FileNotFoundError):
        if kind == "pipe":
            os.mkfifo(out)
        elif kind == "folder's link":
            out.symlink_to("../mine")
        else:
            out.write_bytes(b"theirs" if kind == "file" else b"")
    given(out)
    if not out.is_symlink():
        out.chmod(0o666)
    name = str(out / "out" if out.is_symlink() else out)
    outcome = write(ready, name)

    assert outcome.code == 2, outcome
    assert "belongs to another user" in outcome.err
    assert "write to another file" in outcome.err
    assert [] == [*Path("mine").iterdir()]
    assert not out.is_file() or out.read_bytes() in (b"theirs", b"")


# A file that is replaced


def test_an_export_over_a_file_keeps_its_mode_and_a_new_one_is_private(ready: Cli) -> None:
    Path("out").touch()
    Path("out").chmod(0o644)
    ready.ok("export", "out")
    ready.ok("export", "new")
    assert (0o644, 0o600) == (mode(Path("out")), mode(Path("new")))


@needs_root
def test_an_export_over_a_file_keeps_its_group(ready: Cli) -> None:
    Path("out").touch()
    os.chown("out", 0, ANOTHER)
    Path("out").chmod(0o640)
    ready.ok("export", "out")
    assert (0, ANOTHER, 0o640) == (Path("out").stat().st_uid, Path("out").stat().st_gid, mode(Path("out")))


@needs_root
def test_a_group_that_cannot_be_kept_loses_its_rights(ready: Cli, process: Processes, tmp_path: Path) -> None:
    """Otherwise the rights of one group would be those of another; and that is said."""
    out = tmp_path / "out"
    out.touch()
    os.chown(out, 0, ANOTHER)
    out.chmod(0o664)

    outcome = skip_unless_possible(process.run("export", "out", before=without(CAP_CHOWN)))
    assert outcome.code == 0, outcome
    assert (0, 0, 0o604) == (out.stat().st_uid, out.stat().st_gid, mode(out))
    assert "warning: out: its group could not be kept" in outcome.err


def test_an_export_over_a_file_keeps_its_access_control_list(ready: Cli) -> None:
    """Its mask stands in the mode's group bits: without the list, the group would have the mask's rights."""
    entries = ((1, 6, -1), (2, 4, ANOTHER), (4, 0, -1), (16, 4, -1), (32, 0, -1))  # owner, a user, group, mask, others
    acl = struct.pack("<I", 2) + b"".join(struct.pack("<HHi", *entry) for entry in entries)
    Path("out").touch()
    try:
        os.setxattr("out", "system.posix_acl_access", acl)
    except OSError:
        pytest.skip("this file system has no access control lists")
    ready.ok("export", "out")
    assert (acl, 0o640) == (os.getxattr("out", "system.posix_acl_access"), mode(Path("out")))


def test_an_export_leaves_a_read_only_file_alone(ready: Cli, process: Processes) -> None:
    Path("out").write_bytes(b"mine")
    Path("out").chmod(0o444)
    outcome = skip_unless_possible(process.run("export", "out", before=modes_count))
    assert (2, b"mine") == (outcome.code, Path("out").read_bytes())
    assert "error: cannot write out: Permission denied\n" in outcome.err


def test_a_long_name_can_be_exported_to(ready: Cli) -> None:
    """The name that a file has while it is written is no longer than its own."""
    ready.ok("export", "x" * 255)
    assert ["x" * 255] == [path.name for path in ready.folder.iterdir() if path.is_file()]


@pytest.mark.parametrize("name", ["", "out/", "file/", "file/out", "x" * 256])
def test_a_name_that_no_file_can_have(ready: Cli, name: str) -> None:
    """It is refused before rows are read, and no file is made."""
    Path("file").write_bytes(b"mine")
    outcome = ready("export", name)
    assert outcome.code == 2, outcome
    assert "cannot write " in outcome.err
    assert ["data", "file"] == sorted(path.name for path in ready.folder.iterdir())


def synced(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, bool]]:
    """What is synced from now on, by its inode, and whether `out` was there at that time."""
    found: list[tuple[int, bool]] = []
    real = os.fsync

    def noting(number: int) -> None:
        found.append((os.fstat(number).st_ino, Path("out").exists()))
        real(number)

    monkeypatch.setattr(os, "fsync", noting)
    return found


def test_an_export_is_on_the_disk_before_that_is_said(ready: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file first, then its folder, which has its name."""
    found = synced(monkeypatch)
    ready.ok("export", "out")
    assert [(Path("out").stat().st_ino, False), (Path().stat().st_ino, True)] == found


def test_the_folders_that_a_store_is_made_in_are_on_the_disk(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each one that is new has its name in the one above it, which is synced too."""
    found = synced(monkeypatch)
    cli.ok("init-tables")
    store = cli.database.parent
    assert {folder.stat().st_ino for folder in (store, store.parent, cli.folder)} <= {inode for inode, _ in found}


@pytest.mark.parametrize("function", ["flock", "fsync", "replace"])
def test_an_export_that_is_interrupted_leaves_nothing(
    ready: Cli, monkeypatch: pytest.MonkeyPatch, function: str
) -> None:
    """Wherever Ctrl-C comes: the file that was there stays, and no half one is left."""
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
    """The file that an export writes before it takes the place of another."""
    return Path(f"tsmem-{sha256(name.encode()).hexdigest()[:16]}.part")


def test_killed_exports_leave_one_file_and_the_next_one_removes_it(ready: Cli, process: Processes) -> None:
    ready.fill(messages(3))
    kill = "import os; os.fsync = lambda _: os.kill(os.getpid(), 9); from tsmem.__main__ import run; run()"
    for _ in range(2):
        started = subprocess.run([sys.executable, "-c", kill, "export", "out"], env=process.environ, check=False)
        assert started.returncode == -9
    assert [part()] == [*Path().glob("*.part")]
    ready.ok("export", "out")
    assert ["data", "out"] == sorted(path.name for path in ready.folder.iterdir())


def test_two_exports_to_one_file_do_not_harm_each_other(ready: Cli) -> None:
    """The file that another process is writing is left to it."""
    with part().open("wb") as theirs:
        fcntl.flock(theirs, fcntl.LOCK_EX)
        ready.ok("export", "out")
        assert os.path.samestat(os.fstat(theirs.fileno()), part().stat())
    assert Path("out").read_bytes() == ready.export()
    assert [part()] == [*Path().glob("*.part")]


@pytest.mark.parametrize("planted", ["link", "hard link", "pipe", "folder"])
def test_what_stands_in_the_place_of_a_partial_file_is_not_written(ready: Cli, planted: str) -> None:
    victim = Path("victim")
    victim.write_bytes(b"mine")
    match planted:
        case "link":
            part().symlink_to(victim)
        case "hard link":
            part().hardlink_to(victim)
        case "pipe":
            os.mkfifo(part())
        case _:
            part().mkdir()
    ready.ok("export", "out")
    assert Path("out").read_bytes() == ready.export()
    assert victim.read_bytes() == b"mine"


def test_a_file_system_without_locks_gets_no_partial_files(ready: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing could tell them from the file of a process that still writes."""

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    open_before = len([*Path("/dev/fd").iterdir()])
    ready.ok("export", "out")
    assert len([*Path("/dev/fd").iterdir()]) == open_before
    assert ["data", "out"] == sorted(path.name for path in ready.folder.iterdir())


@pytest.mark.parametrize("ends", [interrupt, fail])
def test_an_export_that_took_its_place_is_not_said_to_be_missing(
    ready: Cli, monkeypatch: pytest.MonkeyPatch, ends: Callable[..., object]
) -> None:
    """When what comes after that fails or is stopped."""
    ready.fill(messages(3))
    monkeypatch.setattr("tsmem.transfer.files.outputs.sync_folder", ends)
    stopped = ready("export", "out", "--progress")
    assert Path("out").read_bytes() == ready.export()
    assert stopped.code in (1, 130)
    assert "not written" not in stopped.err


@pytest.mark.parametrize("ends", [interrupt, fail])
def test_a_mounted_file_that_is_half_written_says_where_its_content_is(
    ready: Cli, monkeypatch: pytest.MonkeyPatch, ends: Callable[..., object]
) -> None:
    """It is lost otherwise: the old content is overwritten, and the new one is not complete."""
    ready.fill(messages(3))
    wanted = ready.export()
    Path("out").write_bytes(b"mine")

    def refuse(*_: object, **__: object) -> None:
        monkeypatch.setattr(os, "fsync", ends)  # the next one is that of the mounted file
        raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", refuse)
        stopped = ready("export", "out")
    (kept,) = Path().glob("*.whole")
    assert kept.read_bytes() == wanted
    assert f"out is only half written: its whole content is in {kept.name}\n" in stopped.err
    assert "not written" not in stopped.err


def test_a_file_of_rejects_that_was_made_is_removed_when_the_import_is_interrupted(
    ready: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever Ctrl-C comes, an empty file is not left."""
    Path("in").write_bytes(b"".join(map(export_line, messages(1))))
    with monkeypatch.context() as patch:
        patch.setattr("tsmem.transfer.rejects.fcntl.flock", interrupt)
        assert ready("import", "in", "--rejects", "bad").code == 130
    assert not Path("bad").exists()


def test_a_reject_that_the_disk_cannot_take_is_not_written_half(process: Processes, ready: Cli, tmp_path: Path) -> None:
    """Those before it stay, each on a line of its own, and are not repeated once there is room."""
    Path("in").write_bytes(b"".join(b'"%s\n' % (b"%d" % n * 9000) for n in range(9)))
    script = (
        f"export XDG_DATA_HOME={ready.folder}/data; $TSMEM import in --rejects disk/bad; code=$?; cat disk/bad; "
        "mount -o remount,size=1024k disk; $TSMEM import in --rejects disk/bad 2>/dev/null; wc -l <disk/bad; exit $code"
    )
    outcome = on_small_disk(process, tmp_path, 32, script)
    assert outcome.code == 1, outcome
    assert "cannot write disk/bad: No space left on device" in outcome.err
    *kept, count = outcome.out.splitlines()
    assert [json.loads(line)["line"] for line in kept] == [*range(1, len(kept) + 1)] != []
    assert count == b"9"


def test_a_folder_that_cannot_be_written_is_named_as_the_reason(process: Processes, ready: Cli) -> None:
    Path("ro").mkdir()
    Path("ro/out").write_bytes(b"mine")
    Path("ro").chmod(0o555)
    outcome = skip_unless_possible(process.run("export", "ro/out", before=modes_count))
    assert "error: cannot write ro/out: its folder cannot be written\n" in outcome.err
    assert Path("ro/out").read_bytes() == b"mine"


def test_a_mounted_file_is_written_in_place(ready: Cli, process: Processes, tmp_path: Path) -> None:
    """A file that a container got from outside cannot be replaced by another; what is written is whole first."""
    ready.fill(messages(3))
    script = (
        f"export XDG_DATA_HOME={ready.folder}/data; echo before > disk/real; touch out; "
        "mount --bind disk/real out && $TSMEM export out >&2 && cat disk/real; ls -A >&2"
    )
    outcome = on_small_disk(process, tmp_path, 1024, script)
    assert outcome.out == ready.export(), outcome
    assert ".part" not in outcome.err


# A standard input that is closed


@pytest.mark.parametrize(
    "line",
    [
        "message put s --role user --content-file /dev/stdin",
        "session put u s -m k@-",
        "import -",
    ],
)
def test_a_closed_standard_input_is_an_error(ready: Cli, process: Processes, line: str) -> None:
    """It is not an empty one: nothing is stored."""
    outcome = process.shell(f"$TSMEM {line} <&-")
    assert outcome.code == 2, outcome
    assert "cannot read standard input: it is closed" in outcome.err
    assert ready.export().count(b"\n") == 2


def test_a_standard_input_that_cannot_be_read(ready: Cli, process: Processes) -> None:
    """One that is open for writing only is no bug."""
    outcome = process.shell("$TSMEM message put s --role user --content-file - 0>out")
    assert outcome.code == 2, outcome
    assert "cannot read standard input: " in outcome.err
    assert ready.export().count(b"\n") == 2
