"""The writer of the profile file: it writes all or nothing, keeps the file private, and keeps comments and layout."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.profile_files import COMMENTED, parsed, write
from tsmem.errors import ProfileError
from tsmem.profiles import load_profile, profile_list
from tsmem.profiles.writer import delete_profile, set_values, use_profile

ROOT = Path(__file__).parents[3]
PARTIAL = "tsmem-28043ff911f28a5c.part"
"""The file that becomes the new config.toml, by the hash of that name."""
TWO_BROKEN = """\
default_profile = "a"

[profiles.a]
backend = "local"
paht = "a.db"

[profiles.b]
backend = "tablestore"
endpoint = "nonsense"
timeout = "soon"

[profiles.good]
backend = "local"
path = "good.db"
"""


@pytest.fixture
def config(config: Path) -> Path:
    """A profile file with comments."""
    write(config, COMMENTED)
    return config


@pytest.fixture
def two_broken(config: Path) -> Path:
    """A profile file in which two profiles are invalid."""
    write(config, TWO_BROKEN)
    return config


@pytest.mark.parametrize(
    ("name", "assignment", "old", "new"),
    [
        ("prod", ("endpoint", "https://g"), 'endpoint = "https://h"', 'endpoint = "https://g"'),
        ("prod", ("tables.session.index", "b"), "# for search\n", '# for search\nindex = "b"\n'),
        ("prod", ("tables.session.search_fields.n.m", "long"), '"keyword" }', '"keyword", "n.m" = "long" }'),
        ("prod", ("tables.session.search_fields.topic", ""), '{ topic = "keyword" }', "{}"),
        ("local", ("path", ""), 'path = "~/memory.db"\n', ""),
        ("prod", ("access_key_id", "AK"), 'access_key_id = "env:ID"', 'access_key_id = "AK"'),
        ("staging", ("path", 'a "b" \\'), 'path = "s.db"', 'path = "a \\"b\\" \\\\"'),
    ],
)
def test_set_changes_only_its_line(
    env: dict[str, str], config: Path, name: str, assignment: tuple[str, str], old: str, new: str
) -> None:
    assert COMMENTED.count(old) == 1
    set_values(env, name, [assignment])
    assert COMMENTED.replace(old, new) == config.read_text()


def test_a_new_profile_is_appended_and_its_name_quoted(env: dict[str, str], config: Path) -> None:
    set_values(env, "new one", [("backend", "local"), ("path", "n.db")])
    assert config.read_text() == COMMENTED + '\n[profiles."new one"]\nbackend = "local"\npath = "n.db"\n'


def test_delete_removes_a_profile_with_its_comments(env: dict[str, str], config: Path) -> None:
    (config.parent / "s.db").write_text("data")
    delete_profile(env, "staging")
    start = COMMENTED.index("\n# staging")
    assert config.read_text() == COMMENTED[:start] + "# the end\n"
    assert (config.parent / "s.db").exists()
    use_profile(env, "local")
    delete_profile(env, "prod")
    assert list(parsed(config)["profiles"]) == ["local"]
    delete_profile(env, "local")
    assert load_profile(env).origins["path"] == "built in"
    assert "# my profiles" in config.read_text()


@pytest.mark.parametrize(
    ("name", "pairs", "reason"),
    [
        ("prod", [("endpoint", "")], "needs 'endpoint'"),
        ("prod", [("timeout", "hunter2")], "must be a number"),
        ("prod", [("timeout", "nan")], "more than 0"),
        ("prod", [("tables.session", "y")], "must be a section"),
        ("prod", [("security_token", "hunter2")], "as plain text"),
        ("prod", [("access_key_secret", "env:hunter2 x")], "the name of an environment variable"),
        ("prod", [("access_key_secret.x", "hunter2")], "'access_key_secret' is a plain value"),
        ("prod", [("security_token.x", "hunter2")], "must be text, not a table"),
        ("", [("backend", "local"), ("path", "x")], "not a valid profile name"),
    ],
)
def test_a_refused_set_keeps_the_file_and_shows_no_secret(
    env: dict[str, str], config: Path, name: str, pairs: list[tuple[str, str]], reason: str
) -> None:
    with pytest.raises(ProfileError, match=reason) as caught:
        set_values(env, name, pairs)
    said = [caught.value.hint or "", *traceback.format_exception(caught.value)]
    assert "hunter2" not in "".join(said)
    assert config.read_text() == COMMENTED
    assert [item.name for item in config.parent.iterdir()] == ["config.toml"]


def test_a_file_that_cannot_be_read_is_not_overwritten(env: dict[str, str], config: Path) -> None:
    for raw in (b"a = ", b"\xff", b"profiles = 1\n", b"[[profiles]]\n", b"[[profiles.local]]\npath = 'x'\n"):
        config.write_bytes(raw)
        with pytest.raises(ProfileError):
            set_values(env, "local", [("timeout", "5")])
        with pytest.raises(ProfileError):
            use_profile(env, "local")
        assert config.read_bytes() == raw


def test_mixed_line_ends_become_newlines(env: dict[str, str], config: Path) -> None:
    config.write_bytes(COMMENTED.replace("\n", "\r\n", 1).encode())
    use_profile(env, "local")
    assert COMMENTED.replace('"prod" ', '"local" ').encode() == config.read_bytes()


KEYS = st.sampled_from(["path", "timeout", "output", "tables", "tables.session.name", "tables.session.search_fields.t"])
VALUES = {"path": ["a.db", "b # c"], "timeout": ["1", "2.5"], "output": ["json", "csv"], "tables": [""]}
CHANGES = st.lists(st.tuples(st.sampled_from(["local", "staging", "x.y"]), KEYS, st.integers(0, 2)), max_size=8)


@settings(max_examples=25)
@given(changes=CHANGES)
def test_any_sequence_of_sets_and_removals_gives_the_expected_file(
    changes: list[tuple[str, str, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    config = tmp_path_factory.mktemp("run") / "config.toml"
    config.write_text(COMMENTED + '[profiles."x.y"]\nbackend = "local"\npath = "z"\ntables.session.index = "i"\n')
    wanted = parsed(config)
    for name, key, choice in changes:
        default = "text" if key.endswith(".t") else key.replace(".", "_")
        value = ([*VALUES.get(key, [default, default]), ""] * 2)[choice]
        *tables, last = key.split(".")
        level = wanted["profiles"][name]
        for table in tables:
            level = level.setdefault(table, {})
        if key == "path" and not value and name != "local":
            continue
        level.pop(last, None)
        if value:
            level[last] = (float(value) if "." in value else int(value)) if key == "timeout" else value
        set_values({"HOME": "/h"}, name, [(key, value)], config=config)
    assert _pruned(wanted) == _pruned(parsed(config))


def _pruned(level: dict[str, Any]) -> dict[str, Any]:
    found = {key: _pruned(value) if isinstance(value, dict) else value for key, value in level.items()}
    return {key: value for key, value in found.items() if value != {}}


def test_an_unknown_key_in_the_file_can_be_removed(env: dict[str, str], config: Path) -> None:
    config.write_text('[profiles.p]\nbackend = "local"\npath = "x"\npaths = "y" # wrong\n')
    set_values(env, "p", [("paths", "")])
    assert config.read_text() == '[profiles.p]\nbackend = "local"\npath = "x"\n'


def states(env: dict[str, str]) -> dict[str, str]:
    """Return the backend of each profile, or `invalid`."""
    return {line.name: line.backend for line in profile_list(env)}


@pytest.mark.parametrize(
    "text",
    ["[profiles]\na = 5\n", "[profiles.env]\n", "[[profiles.a]]\n", '[profiles." a"]\n', "[profiles.a.tables]\n"],
)
def test_an_entry_that_is_not_a_profile_can_be_deleted(env: dict[str, str], config: Path, text: str) -> None:
    config.write_text(text + '[profiles.good]\nbackend = "local"\npath = "good.db"\n')
    (name,) = set(states(env)) - {"good", "local"}
    delete_profile(env, name)
    assert states(env) == {"good": "local", "local": "local"}


def test_a_default_that_is_not_a_name_can_be_replaced(env: dict[str, str], config: Path) -> None:
    config.write_text("default_profile = 5\n")
    use_profile(env, "local")
    assert load_profile(env).name == "local"


def test_an_edit_that_adds_a_mistake_is_refused(env: dict[str, str], two_broken: Path) -> None:
    """An unknown key is a mistake too: its value might be a secret."""
    with pytest.raises(ProfileError, match="'path' is a key of backend local"):
        set_values(env, "good", [("backend", "tablestore")])
    with pytest.raises(ProfileError, match="unknown key 'outptu'"):
        set_values(env, "a", [("timeout", "5"), ("outptu", "json")])
    assert two_broken.read_text() == TWO_BROKEN


def test_a_refused_set_names_no_line_of_the_file(env: dict[str, str], config: Path) -> None:
    for name in ("staging", "new"):
        with pytest.raises(ProfileError) as caught:
            set_values(env, name, [("backend", "local"), ("path", "y"), ("timeout", "-1")])
        assert str(caught.value).startswith(f"{config}: profile '{name}': 'timeout' must be more than 0")


def test_a_rewritten_file_is_private_and_stale_temporary_files_do_not_matter(env: dict[str, str], config: Path) -> None:
    config.chmod(0o644)
    config.with_name(PARTIAL).write_text("half")
    use_profile(env, "local")
    assert config.stat().st_mode & 0o777 == 0o600
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


def test_a_file_that_cannot_be_replaced_is_overwritten_and_synced(
    env: dict[str, str], config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is mounted on its own, as in a container, is busy."""
    synced: list[str] = []
    real = os.fsync

    def noting(number: int) -> None:
        if os.fstat(number).st_ino == config.stat().st_ino:
            synced.append(config.read_text())
        real(number)

    def busy(*_: object, **__: object) -> None:
        raise OSError(errno.EBUSY, "Device or resource busy")

    monkeypatch.setattr(os, "replace", busy)
    monkeypatch.setattr(os, "fsync", noting)
    use_profile(env, "local")
    assert [config.read_text()] == synced
    assert 'default_profile = "local"' in synced[0]


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
