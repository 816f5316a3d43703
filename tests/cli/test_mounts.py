"""Profile files and stores on mounts, as in containers. Skipped where the test cannot mount anything."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import Cli, Processes
from tests.support.mounts import run_with_mounts


def test_cmd_secrets_run_from_a_read_only_mounted_profile_file(process: Processes, tmp_path: Path) -> None:
    """Kubernetes mounts a ConfigMap like this: links and folders that anyone may write, but on a read-only mount."""
    (tmp_path / "map").mkdir()
    config = (
        "[profiles.p]\nbackend = 'tablestore'\nendpoint = 'http://127.0.0.1:1'\ninstance = 'i'\ntimeout = 0.1\n"
        "access_key_id = 'cmd:echo id'\naccess_key_secret = 'cmd:echo secret'\n"
    )
    script = (
        "mount -t tmpfs tmpfs map || exit 77\nmkdir map/..v1\nchmod 0777 map map/..v1\nln -s ..v1 map/..data\n"
        f"cat > map/..v1/config.toml <<'END'\n{config}END\nchmod 0666 map/..v1/config.toml\n"
        "ln -s ..data/config.toml map/config.toml\nrun='$TSMEM --config map/config.toml -p p session list --limit 1'\n"
        "eval $run 2> changeable\nmount -o remount,ro map\neval $run\n"
    )
    read_only = run_with_mounts(process, script)
    assert "so the command after 'cmd:' was not run" in (tmp_path / "changeable").read_text()
    assert (read_only.code, "others can change" in read_only.err) == (6, False), read_only


SET = "$TSMEM --config folder/config.toml profile set local timeout=7"


def test_a_profile_file_mounted_as_a_single_file_is_written_in_place(process: Processes, tmp_path: Path) -> None:
    (tmp_path / "real.toml").write_text("[profiles.local]\ntimeout = 123456 # much\n")
    bind = "mkdir folder\ntouch folder/config.toml\nmount --bind real.toml folder/config.toml || exit 77\n"
    outcome = run_with_mounts(process, f"{bind}{SET} && ls -A folder\n")
    assert outcome.code == 0, outcome
    assert (tmp_path / "real.toml").read_text() == "[profiles.local]\ntimeout = 7 # much\n"
    assert (tmp_path / "real.toml").stat().st_mode & 0o777 == 0o600
    assert outcome.text.split() == ["config.toml", "config.toml.lock"]


def test_a_mounted_profile_file_in_a_read_only_folder_is_written_in_place(process: Processes, tmp_path: Path) -> None:
    (tmp_path / "real.toml").write_text("[profiles.local]\n")
    script = (
        "mkdir folder\nmount -t tmpfs tmpfs folder || exit 77\ntouch folder/config.toml\n"
        "mount --bind real.toml folder/config.toml\nmount -o remount,ro,bind folder\n"
    )
    outcome = run_with_mounts(process, script + SET)
    assert outcome.code == 0, outcome
    assert (tmp_path / "real.toml").read_text() == "[profiles.local]\ntimeout = 7\n"


def test_a_mounted_profile_file_on_a_full_disk_keeps_its_content(process: Processes, tmp_path: Path) -> None:
    text = "[profiles.local]\n" + "#" * 4000 + "\n" + "#" * 76 + "\n"
    (tmp_path / "text").write_text(text)
    script = (
        "mkdir disk folder\nmount -t tmpfs -o size=4k tmpfs disk || exit 77\ncp text disk/real.toml\n"
        "touch folder/config.toml\nmount --bind disk/real.toml folder/config.toml\n"
    )
    outcome = run_with_mounts(process, f"{script}{SET} || echo code $?\ncat disk/real.toml\nls -A folder\n")
    assert f"code 2\n{text}" in outcome.text
    assert "cannot be written: No space left on device\n" in outcome.err
    assert "config.toml\nconfig.toml.lock\n" in outcome.text


@pytest.mark.parametrize("holds", ["a store", "nothing"])
def test_a_store_mounted_as_a_single_file_is_refused(
    process: Processes, ready: Cli, tmp_path: Path, holds: str
) -> None:
    """SQLite's files beside it would be lost with the container, and other processes would not see them."""
    shutil.copy(ready.database, tmp_path / "real.db") if holds == "a store" else (tmp_path / "real.db").touch()
    script = (
        "mkdir folder\ntouch folder/m.db\nmount --bind real.db folder/m.db || exit 77\n"
        "cat > c.toml <<END\n[profiles.local]\npath = 'folder/m.db'\nEND\n"
        "$TSMEM --config c.toml init-tables || echo code $?\nls -A folder\n"
    )
    outcome = run_with_mounts(process, script)
    assert outcome.text == "code 1\nm.db\n"
    assert "folder/m.db is mounted as a single file, and SQLite's files beside it would not be shared" in outcome.err
    assert "hint: mount its folder instead\n" in outcome.err


def test_a_store_in_a_mounted_folder_works(process: Processes, ready: Cli, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    shutil.copy(ready.database, tmp_path / "real" / "memory.db")
    script = (
        "mkdir -p folder/tsmem\nmount --bind real folder/tsmem || exit 77\n"
        "XDG_DATA_HOME=$PWD/folder $TSMEM session put ada s1\n"
    )
    assert run_with_mounts(process, script).code == 0
