"""Profile files on mounts, as containers have them; skipped where nothing can be mounted."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import Outcome, Processes


def mounted(process: Processes, folder: Path, script: str) -> Outcome:
    """Run a script that may mount what it likes in the folder, with `$TSMEM` as the command line."""
    unshare = shutil.which("unshare")
    if unshare is None:
        pytest.skip("unshare is not installed")
    done = subprocess.run(
        [unshare, "--map-root-user", "--mount", "sh", "-c", f"set -e\n{script}"],
        env={**process.environ, "TSMEM": " ".join(process.argv())},
        cwd=folder,
        capture_output=True,
        timeout=60,
        check=False,
    )
    if done.returncode == 77 or b"unshare:" in done.stderr:
        pytest.skip("nothing can be mounted here")
    return Outcome(done.returncode, done.stdout, done.stderr.decode())


def test_commands_are_run_from_a_file_that_is_mounted_read_only(process: Processes, tmp_path: Path) -> None:
    """As Kubernetes mounts a ConfigMap: links, folders that anyone may write, read-only as a whole."""
    (tmp_path / "map").mkdir()
    config = (
        "[profiles.p]\nbackend = 'tablestore'\nendpoint = 'http://127.0.0.1:1'\ninstance = 'i'\ntimeout = 0.1\n"
        "access_key_id = 'cmd:echo id'\naccess_key_secret = 'cmd:echo secret'\n"
    )
    script = (
        "mount -t tmpfs tmpfs map || exit 77\nmkdir map/..v1\nchmod 0777 map map/..v1\nln -s ..v1 map/..data\n"
        f"cat > map/..v1/config.toml <<'END'\n{config}END\nchmod 0666 map/..v1/config.toml\n"
        "ln -s ..data/config.toml map/config.toml\n{}$TSMEM --config map/config.toml -p p session list --limit 1\n"
    )
    changeable = mounted(process, tmp_path, script.format(""))
    assert "no command is run from a profile file that others can change" in changeable.err
    read_only = mounted(process, tmp_path, script.format("mount -o remount,ro map\n"))
    assert "127.0.0.1:1 refuses connections" in read_only.err
    assert "others can change" not in read_only.err
