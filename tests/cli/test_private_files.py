"""Other users cannot read the files that commands write, replace them, or redirect them by links."""

from __future__ import annotations

import io
import os
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.support.privileges import OTHER_USER, give_to_another_user, needs_root, permission_bits
from tsmem.cli.app.context import Context
from tsmem.cli.io.streams import Streams
from tsmem.transfer.resume import ResumePoint

PROFILE = '[profiles.p]\nbackend = "tablestore"\nendpoint = "http://127.0.0.1:1"\ninstance = "i"\n'


def over_anothers_link(folder: Path) -> Path:
    """Make a link to a file of this user that another user owns, in a folder like /tmp."""
    (folder / "tmp").mkdir()
    (folder / "tmp").chmod(0o1777)
    (folder / "mine").mkdir(mode=0o700)
    link = folder / "tmp" / "c.toml"
    link.symlink_to(folder / "mine" / "c.toml")
    give_to_another_user(link)
    return link


@needs_root
def test_cmd_secrets_do_not_run_from_a_file_that_others_can_replace(cli: Cli) -> None:
    path = over_anothers_link(cli.folder)
    path.write_text(f'{PROFILE}access_key_id = "id"\naccess_key_secret = "cmd:touch {cli.folder}/ran"\n')
    path.chmod(0o600)
    outcome = cli("--config", str(path), "-p", "p", "session", "list")

    assert outcome.code == 2
    assert f"warning: {path}: others can change this profile file: " in outcome.err
    assert "so the command after 'cmd:' was not run" in outcome.err
    assert not (cli.folder / "ran").exists()


def over_links_of_ones_own(folder: Path) -> Path:
    """Make links like those of dotfile managers: relative and absolute, to files and to folders."""
    (folder / "dotfiles" / "tsmem").mkdir(mode=0o700, parents=True)
    (folder / "config").symlink_to("dotfiles/../dotfiles")
    (folder / "dotfiles" / "tsmem" / "c.toml").symlink_to(folder / "dotfiles" / "real.toml")
    return folder / "config" / "tsmem" / "c.toml"


def test_cmd_secrets_run_from_a_file_that_only_the_user_can_replace(cli: Cli) -> None:
    path = over_links_of_ones_own(cli.folder)
    path.write_text(f'{PROFILE}access_key_id = "id"\naccess_key_secret = "cmd:touch {cli.folder}/ran"\n')
    path.chmod(0o600)
    outcome = cli("--config", str(path), "-p", "p", "session", "list", environ={"PATH": os.defpath})

    assert "warning" not in outcome.err
    assert (cli.folder / "ran").exists()


def test_a_profile_file_is_written_through_the_users_own_links(cli: Cli) -> None:
    path = over_links_of_ones_own(cli.folder)
    real = cli.folder / "dotfiles" / "real.toml"
    for argv in (("set", "x", "backend=local", "path=x.db"), ("set", "x", "timeout=5"), ("use", "x")):
        cli.ok("--config", str(path), "profile", *argv)
    assert (cli.folder / "config").is_symlink()
    assert path.is_symlink()
    assert 'default_profile = "x"\n\n[profiles.x]\nbackend = "local"\npath = "x.db"\ntimeout = 5\n' == real.read_text()
    assert ["real.toml", "real.toml.lock", "tsmem"] == sorted(each.name for each in real.parent.iterdir())
    assert (0o600, 0o600) == (permission_bits(real), permission_bits(real.with_name("real.toml.lock")))


@needs_root
def test_a_profile_file_is_not_written_through_another_users_link(cli: Cli) -> None:
    """In a folder like /tmp, another user could point it at any file of this one."""
    path = over_anothers_link(cli.folder)
    for there in (False, True):
        if there:
            path.resolve().write_text("[profiles.local]\n")
        outcome = cli("--config", str(path), "profile", "set", "local", "timeout=5")

        assert outcome.code == 2
        assert outcome.err.startswith(f"error: {path}: the link {path} belongs to another user\n")
        assert ["c.toml"] * there == [each.name for each in path.resolve().parent.iterdir()]
    assert path.read_text() == "[profiles.local]\n"


@pytest.mark.parametrize("name", ["config.toml.lock", "tsmem-28043ff911f28a5c.part"])
@pytest.mark.parametrize("there", [True, False])
def test_planted_links_beside_the_profile_file_are_not_followed(cli: Cli, name: str, there: bool) -> None:
    path = cli.config("[profiles.local]\n")
    victim = cli.folder / "victim"
    if there:
        victim.write_text("theirs")
    path.with_name(name).symlink_to(victim)
    outcome = cli("profile", "set", "local", "timeout=5")

    assert victim.exists() == there
    assert not there or victim.read_text() == "theirs"
    assert ((2, True) if "lock" in name else (0, False)) == (outcome.code, "lock is a symbolic link" in outcome.err)
    assert ("timeout" in path.read_text()) is (outcome.code == 0)


@needs_root
def test_a_profile_file_written_by_root_keeps_its_owner(cli: Cli) -> None:
    """Otherwise the user could not change the file any more."""
    path = cli.config("[profiles.local]\n")
    give_to_another_user(path)
    cli.ok("profile", "set", "local", "timeout=5")

    assert [OTHER_USER, OTHER_USER] == [each.stat().st_uid for each in (path, path.with_name("config.toml.lock"))]


@pytest.mark.parametrize("dangling", [True, False])
def test_a_store_path_that_is_a_link_is_created_at_its_target(cli: Cli, dangling: bool) -> None:
    real, link = cli.folder / "real" / "deep" / "m.db", cli.folder / "link.db"
    if not dangling:
        cli.config(f'[profiles.local]\npath = "{real}"\n')
        cli.ok("init-tables")
    link.symlink_to(real)
    cli.config(f'[profiles.local]\npath = "{link}"\n')
    for argv in (("init-tables",), ("session", "put", "u", "s"), ("session", "get", "u", "s")):
        cli.ok(*argv)

    assert link.is_symlink()
    assert {0o700} == {permission_bits(folder) for folder in (real.parent, real.parent.parent)}
    assert {"m.db", "m.db.lock"} <= {each.name for each in real.parent.iterdir()}
    assert {0o600} == {permission_bits(each) for each in real.parent.iterdir()}
    assert ["link.db"] == [each.name for each in cli.folder.iterdir() if each.name.startswith("link")]


@pytest.mark.parametrize(
    ("folder", "file", "said", "command"),
    [
        (0o755, 0o644, "others can read {file} (mode 644)", "chmod 600 {file}"),
        (0o755, 0o660, "others can read and change {file} (mode 660)", "chmod 600 {file}"),
        (0o1777, 0o600, "others can ", "chmod o-w {folder}"),
    ],
)
def test_doctor_warns_of_a_store_that_others_can_read_or_replace(
    ready: Cli, folder: int, file: int, said: str, command: str
) -> None:
    """In a folder like /tmp, others could put a log beside it that SQLite would read as its own."""
    ready.database.parent.chmod(folder)
    ready.database.chmod(file)
    outcome = ready("doctor", "-o", "json")
    (told,) = [finding for finding in outcome.json["findings"] if finding["about"] == "store"]

    assert (4, "warning") == (outcome.code, told["severity"])
    names = {"file": ready.database, "folder": ready.database.parent}
    assert told["sentence"].startswith(said.format(**names))
    assert command.format(**names) == told["command"]
    ready.database.parent.chmod(0o700)
    assert 0 == ready("doctor").code


@pytest.mark.parametrize("name", ["memory.db.lock", "memory.db.new"])
def test_planted_links_at_the_files_of_a_store_are_not_followed(cli: Cli, name: str) -> None:
    folder = cli.database.parent
    folder.mkdir(parents=True)
    victim = cli.folder / "victim"
    (folder / name).symlink_to(victim)
    outcome = cli("init-tables")
    assert not victim.exists()
    refused = name.endswith("lock")
    assert (int(refused), refused) == (outcome.code, "is a symbolic link" in outcome.err)
    victim.write_text("theirs")
    cli("init-tables")
    assert victim.read_text() == "theirs"


def test_the_resume_point_is_private(ready: Cli) -> None:
    victim, state = ready.folder / "victim", ready.folder / "home" / ".local" / "state" / "tsmem" / "imports"
    victim.write_text("theirs")
    call = Context(Streams(io.BytesIO(), io.BytesIO(), io.BytesIO()), ready.environ, ready.clock)
    old = os.umask(0)
    try:
        with victim.open("rb") as stream, closing(call):
            point = ResumePoint(call.store, state, stream, "victim", ())
            assert point.save(1, now=True)
            (noted,) = state.iterdir()
            noted.unlink()
            noted.symlink_to(victim)
            assert point.save(2, now=True)
    finally:
        os.umask(old)

    assert (2, "theirs", [noted]) == (point.read(), victim.read_text(), [*state.iterdir()])
    folders = [state, *state.parents][:5]
    assert [(str(each), 0o700) for each in folders] == [(str(each), permission_bits(each)) for each in folders]
    assert 0o600 == permission_bits(noted)


def test_rejects_are_private_even_in_an_existing_file(ready: Cli) -> None:
    Path("rejects.jsonl").touch()
    Path("rejects.jsonl").chmod(0o666)
    assert 7 == ready("import", "-", "--rejects", "rejects.jsonl", stdin=b"{not json\n").code
    assert 0o600 == permission_bits(Path("rejects.jsonl"))


def test_written_files_are_private_under_a_loose_umask(cli: Cli) -> None:
    (cli.folder / "in.jsonl").write_bytes(b'{"user_id": "u", "session_id": "s"}\n{not json\n')
    (cli.folder / "home").mkdir(mode=0o700)
    for line in (
        "init-tables", "import in.jsonl --rejects home/rejects.jsonl", "export home/out.jsonl",
        "export home/out.jsonl.gz", "profile set a backend=local path=deep/er/a.db", "copy --from local --to a",
    ):  # fmt: skip
        before = os.umask(0)  # by default everyone may read and write new files
        try:
            outcome = cli(*line.split())
        finally:
            os.umask(before)
        assert outcome.code in (0, 7), outcome.err
    files = [path for name in ("home", "data", "config") for path in (cli.folder / name).rglob("*")]

    made = {"memory.db", "a.db", "config.toml", "rejects.jsonl", "out.jsonl", "out.jsonl.gz"}
    assert made <= {path.name for path in files}
    assert [] == [
        (path, permission_bits(path)) for path in files if permission_bits(path) != (0o700 if path.is_dir() else 0o600)
    ]
