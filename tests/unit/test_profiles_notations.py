"""However a profile file is written, a change of it keeps every line but those that it is about."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tsmem.errors import ProfileError
from tsmem.profiles import load_profile
from tsmem.profiles.writer import delete_profile, set_values, use_profile

NOTATIONS = {
    "comments at the ends of lines": (
        '[profiles.a] # A\nbackend = "local" # b\npath = "x.db" # p # q "\n# end of a\n\n# b: before\n'
        "[profiles.b] # b: B\nbackend = \"local\"# b: t\npath = 'y#z.db'   # b: why\n# tail\n"
    ),
    "inline tables": (
        'default_profile="a" # d\n[profiles] # P\n# one\na = { backend = "local", path = "x.db" } # ia\n'
        '# two\nb = {backend="local",path="y.db",tables={session={name="s"}}} # b: i\n'
    ),
    "dotted keys": (
        '# top\nprofiles.a.backend = "local" # 1\nprofiles.a.path = "x.db" # 2\n# mid\n'
        'profiles.b.backend = "local" # b: 3\nprofiles.b.path = "y.db" # b: 4\n'
    ),
    "dotted keys in a table": (
        '[profiles]\n# c0\na.backend = "local" # 1\na.path = "x.db" # 2\n# mid\n'
        'b.backend = "local"\nb.path = "y.db" # b: 4\n'
    ),
    "multi-line strings": (
        '[profiles.a]\nbackend = """local""" # m\npath = """\\\n  x.\\\n  db""" # after\n# b: c\n'
        "[profiles.b]\nbackend = '''local'''\npath = '''y # not \"comment\"''' # b: yes\n"
    ),
    "lines that end in \\r\\n": (
        '# top\r\n[profiles.a] # A\r\nbackend = "local"\r\npath = "x.db" # p\r\n\r\n# b: b\r\n'
        '[profiles.b]\r\nbackend = "local"\r\npath = "y.db"\r\n'
    ),
    "a byte order mark": (
        '\ufeff# top\n[profiles.a] # A\nbackend = "local"\npath = "x.db" # p\n# b: b\n'
        '[profiles.b]\nbackend = "local"\npath = "y.db"\n'
    ),
    "no end of the last line": (
        '[profiles.a]\nbackend = "local"\npath = "x.db"\n[profiles.b]\nbackend = "local"\npath = "y.db" # b: end'
    ),
    "quoted names with dots": (
        '[profiles."a.b"] # q\nbackend = "local"\npath = "x.db" # p\n# two\n["profiles".\'a\'] # a\n'
        '"backend" = "local" # k\n\'path\' = "y.db"\n# x\n[profiles."ü ñ"]\nbackend="local"\npath="u.db" # u\n'
        '[profiles.b]\nbackend="local"\npath="q"\n'
    ),
    "indented": (
        '  [ profiles . a ]  # A\n\tbackend   =   "local"\t# t\n\tpath="x.db"\n\n\n'
        '  [profiles.b]\n  backend = "local" # b: k\n  path = "y.db"\n'
    ),
    "nested tables": (
        '[profiles.a]\nbackend="local"\npath="x"\n[profiles.a.tables.session.search_fields] # sf\n# t\n'
        'topic = "keyword" # k\n[profiles.b]\nbackend = "local"\npath = "y" # b: y\n'
        'tables.session.search_fields = { topic = "keyword", n = "long" } # b: inl\n'
    ),
    "one table between another's": (
        '[profiles.a]\nbackend="local" # 1\npath="x"\n[profiles.b]\nbackend="local" # b: 2\npath="y"\n'
        '# about the tables of a\n[profiles.a.tables.session]\nname="s1" # 3\n# the end\n'
    ),
    "a table before the one round it": (
        '# hi\n[profiles.a.tables.session]\nname="s" # n\n[profiles.a]\n# aa\nbackend="local" # l\npath="x"\n'
        '[profiles.b]\nbackend="local"\npath="y"\n'
    ),
}
CHANGES: list[list[tuple[str, str]]] = [
    [("path", 'new "x" # .db')],
    [("timeout", "5")],
    [("tables.session.name", "chats")],
    [("tables.session.search_fields.zz", "long")],
    [("tables.message.search_fields.zz", "long"), ("output", "json"), ("tables.message.index", "i")],
]


def said(path: Path) -> dict[str, Any]:
    """What a file says."""
    return tomllib.loads(path.read_bytes().decode("utf-8-sig"))


def with_changes(data: dict[str, Any], name: str, pairs: list[tuple[str, str]]) -> dict[str, Any]:
    """What a document says when keys of a profile are set."""
    for key, value in pairs:
        *tables, last = key.split(".")
        level = data["profiles"].setdefault(name, {})
        for table in tables:
            level = level.setdefault(table, {})
        level[last] = int(value) if key == "timeout" else value
    return data


def lines_lost(old: str, new: str) -> list[str]:
    """Lines of the old text that are not in the new one, in their order."""
    kept, lost, at = new.removeprefix("\ufeff").splitlines(keepends=True), [], 0
    for line in old.removeprefix("\ufeff").splitlines(keepends=True):
        try:
            at = kept.index(line if line.endswith("\n") else f"{line}\n", at) + 1
        except ValueError:
            lost.append(line)
    return lost


@pytest.fixture(params=NOTATIONS)
def config(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A file of each notation."""
    path = tmp_path / "config.toml"
    path.write_bytes(NOTATIONS[request.param].encode())
    path.chmod(0o600)
    return path


@pytest.mark.parametrize("name", ["a", "b", "new one"])
@pytest.mark.parametrize("pairs", CHANGES, ids=lambda pairs: pairs[0][0])
def test_setting_changes_one_line_at_most(config: Path, name: str, pairs: list[tuple[str, str]]) -> None:
    """The file says what was set; that line alone may be another in which the value stood. A comment in it stays."""
    old = config.read_bytes().decode()
    pairs = pairs if name != "new one" else [("backend", "local"), ("path", "n"), *pairs[pairs[0][0] == "path" :]]
    wanted = with_changes(said(config), name, pairs)
    set_values({"HOME": "/h"}, name, pairs, config=config)
    new = config.read_bytes().decode()
    lost = lines_lost(old, new)

    assert wanted == said(config)
    assert len(lost) <= (3 if "\\\n" in "".join(lost) else 1), lost
    assert [comment for line in lost if "#" in line and (comment := line.rpartition("#")[2]) not in new] == []
    assert (new.startswith("\ufeff"), "\r\n" in new) == (old.startswith("\ufeff"), "\r\n" in old)
    assert new.count("\r\n") == (new.count("\n") if "\r\n" in old else 0)


def test_use_keeps_all_lines(config: Path) -> None:
    """But the one that says the default."""
    old = config.read_bytes().decode()
    use_profile({"HOME": "/h"}, "b", config=config)

    assert said(config)["default_profile"] == "b"
    assert [line for line in lines_lost(old, config.read_bytes().decode()) if "default_profile" not in line] == []


def test_deleting_keeps_the_lines_of_the_others(config: Path) -> None:
    """All else that it said, and every comment but those in the profile and right above it."""
    old = config.read_bytes().decode()
    wanted = said(config)
    del wanted["profiles"]["b"]
    delete_profile({"HOME": "/h"}, "b", config=config)
    new = config.read_bytes().decode()

    assert wanted == said(config)
    comments = re.findall(r"#[ A-Za-z0-9]+$", old.replace("\r", ""), re.MULTILINE)
    assert [comment for comment in comments if comment not in new] == []


@pytest.mark.parametrize("key", ["tables.session.search_fields.none", "tables.message", "output", "security_token"])
def test_removing_what_is_not_there_changes_nothing(config: Path, key: str) -> None:
    """Every byte stays, but that the last line gets an end."""
    old = config.read_bytes()
    set_values({"HOME": "/h"}, "a", [(key, "")], config=config)

    assert old.removesuffix(b"\n") == config.read_bytes().removesuffix(b"\n")


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("security_tokn", "unknown key 'security_tokn'; did you mean 'security_token'"),
        ("tables.sesion.name", "unknown key"),
        ("tables.session.nam", "unknown key"),
        ("path.x", "unknown key"),
    ],
)
def test_a_mistyped_key_is_not_silently_removed(tmp_path: Path, key: str, reason: str) -> None:
    """Nobody should think a secret gone that is still there."""
    config = tmp_path / "config.toml"
    config.write_text('[profiles.p]\nbackend = "local"\npath = "x"\n')
    with pytest.raises(ProfileError, match=reason):
        set_values({"HOME": "/h"}, "p", [(key, "")], config=config)
    assert config.read_text() == '[profiles.p]\nbackend = "local"\npath = "x"\n'


def test_an_unknown_key_that_is_there_can_be_removed(tmp_path: Path) -> None:
    """That is how a file is mended."""
    config = tmp_path / "config.toml"
    config.write_text('[profiles.p]\nbackend = "local"\npath = "x"\npaths = "y" # wrong\n')
    set_values({"HOME": "/h"}, "p", [("paths", "")], config=config)
    assert config.read_text() == '[profiles.p]\nbackend = "local"\npath = "x"\n'


def _set_path(environ: dict[str, str], name: str, *, config: Path) -> Path:
    return set_values(environ, name, [("path", "y")], config=config)


@pytest.mark.parametrize(
    ("text", "change"),
    [
        *(('[[profiles.a]]\nbackend = "local"\npath = "x"\n', change) for change in (_set_path, use_profile)),
        *(("profiles = [1]\n", change) for change in (_set_path, use_profile, delete_profile)),
        *(("[[profiles]]\n", change) for change in (_set_path, use_profile, delete_profile)),
    ],
)
def test_arrays_are_refused_and_stay(tmp_path: Path, text: str, change: Callable[..., Path]) -> None:
    """An array of tables is no profile; it can be deleted, but nothing is written over it."""
    config = tmp_path / "config.toml"
    config.write_text(text)
    with pytest.raises(ProfileError, match="must be a table"):
        change({"HOME": "/h"}, "a", config=config)
    assert config.read_text() == text


def test_a_killed_writer_leaves_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    """Five writers are killed at any moment: the file is whole, and the next writer is not held up."""
    config = tmp_path / "config.toml"
    config.write_text('# mine\n[profiles.p]\nbackend = "local"\npath = "0"\n')
    code = (
        "import sys; from tsmem.profiles.writer import set_values\n"
        "for i in range(10**6): set_values({'HOME': '/h'}, 'p', [('path', f'{sys.argv[2]}-{i}')], config=sys.argv[1])\n"
    )
    pick = random.Random(7)
    for run in range(5):
        with subprocess.Popen([sys.executable, "-c", code, str(config), str(run)], cwd=Path(__file__).parents[2]) as it:
            wanted = pick.randrange(5, 40)
            while not (
                found := load_profile({"HOME": "/h"}, config=config, profile="p").path
            ) or not found.name.startswith(f"{run}-"):
                continue
            for _ in range(wanted):
                assert load_profile({"HOME": "/h"}, config=config, profile="p").path is not None
            os.kill(it.pid, signal.SIGKILL)
        assert config.read_text().startswith('# mine\n[profiles.p]\nbackend = "local"\npath = "')
        assert {item.name for item in tmp_path.iterdir()} <= {"config.toml", "config.toml.lock", ".config.toml.tmp"}
    set_values({"HOME": "/h"}, "p", [("path", "end")], config=config)

    assert {"config.toml", "config.toml.lock"} == {item.name for item in tmp_path.iterdir()}
    assert "end" == said(config)["profiles"]["p"]["path"]
