"""A profile file is replaced as a whole: private, durable, one writer at a time."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.profile_files import COMMENTED, parsed, write
from tsmem.profiles import load_profile
from tsmem.profiles.writer import use_profile

ROOT = Path(__file__).parents[3]
PARTIAL = "tsmem-28043ff911f28a5c.part"
"""The file that becomes the new config.toml, by the hash of that name."""


@pytest.fixture
def config(config: Path) -> Path:
    """A profile file with comments."""
    write(config, COMMENTED)
    return config


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


def test_two_processes_that_write_at_once_lose_no_edit(env: dict[str, str], config: Path) -> None:
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
