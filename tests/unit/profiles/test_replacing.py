"""A profile file is replaced as a whole: private, durable, one writer at a time."""

from __future__ import annotations

import os
import random
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.profile_files import COMMENTED, parsed, write
from tsmem.profiles import load_profile
from tsmem.profiles.writer import set_values, use_profile

ROOT = Path(__file__).parents[3]
PARTIAL = "tsmem-28043ff911f28a5c.part"
"""The file that becomes the new config.toml, by the hash of that name."""


@pytest.fixture
def config(config: Path) -> Path:
    """A profile file with comments."""
    write(config, COMMENTED)
    return config


def test_a_killed_writer_leaves_the_old_or_the_new_file(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text('# mine\n[profiles.p]\nbackend = "local"\npath = "0"\n')
    code = (
        "import sys; from tsmem.profiles.writer import set_values\n"
        "for i in range(10**6): set_values({'HOME': '/h'}, 'p', [('path', f'{sys.argv[2]}-{i}')], config=sys.argv[1])\n"
    )
    pick = random.Random(7)
    for run in range(2):
        with subprocess.Popen([sys.executable, "-c", code, str(config), str(run)], cwd=ROOT) as it:
            wanted = pick.randrange(5, 40)
            while not (
                found := load_profile({"HOME": "/h"}, config=config, profile="p").path
            ) or not found.name.startswith(f"{run}-"):
                continue
            for _ in range(wanted):
                assert load_profile({"HOME": "/h"}, config=config, profile="p").path is not None
            os.kill(it.pid, signal.SIGKILL)
        assert config.read_text().startswith('# mine\n[profiles.p]\nbackend = "local"\npath = "')
        assert {item.name for item in tmp_path.iterdir()} <= {"config.toml", "config.toml.lock", PARTIAL}
    set_values({"HOME": "/h"}, "p", [("path", "end")], config=config)

    assert {"config.toml", "config.toml.lock"} == {item.name for item in tmp_path.iterdir()}
    assert "end" == parsed(config)["profiles"]["p"]["path"]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_rewritten_file_is_private_and_stale_temporary_files_do_not_matter(env: dict[str, str], config: Path) -> None:
    config.chmod(0o644)
    config.with_name(PARTIAL).write_text("half")
    use_profile(env, "local")
    assert mode(config) == 0o600
    assert sorted(item.name for item in config.parent.iterdir()) == ["config.toml", "config.toml.lock"]


def test_the_new_file_is_synced_before_the_rename_and_its_folder_after(
    env: dict[str, str], config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[tuple[int, str]] = []
    real = os.fsync

    def noting(number: int) -> None:
        synced.append((os.fstat(number).st_ino, config.read_text()))
        real(number)

    monkeypatch.setattr(os, "fsync", noting)
    use_profile(env, "local")
    expected = [(config.stat().st_ino, COMMENTED), (config.parent.stat().st_ino, config.read_text())]
    assert expected == synced


def test_two_processes_that_write_lose_nothing(env: dict[str, str], config: Path) -> None:
    code = (
        "import sys; from tsmem.profiles.writer import set_values\n"
        "for i in range(6): set_values({'HOME': '/h'}, f'{sys.argv[2]}{i}', "
        "[('backend', 'local'), ('path', f'{i}.db')], config=sys.argv[1])"
    )
    writers = [subprocess.Popen([sys.executable, "-c", code, str(config), who], cwd=ROOT) for who in "ab"]
    while any(writer.poll() is None for writer in writers):
        assert load_profile(env).instance == "i"
    assert [writer.returncode for writer in writers] == [0, 0]
    assert {f"{who}{i}" for who in "ab" for i in range(6)} <= set(parsed(config)["profiles"])
    assert "# the laptop" in config.read_text()
