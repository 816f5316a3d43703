"""An edit of a profile file keeps all other lines. A file in another notation is written again."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tsmem.profiles.toml_text import edit_text, key_lines
from tsmem.profiles.writer import delete_profile, set_values, use_profile


def test_key_lines_are_those_of_tables_and_of_values_on_one_line() -> None:
    text = "# a = 1\na = 1\n[ t . 'x y' ] # [no]\nk = { m = 'a#b' }\nd.e = 2\n[[u]]\n'v' = [\n 'n',\n]\n"
    assert key_lines(text) == {
        ("a",): 2,
        ("t",): 3,
        ("t", "x y"): 3,
        ("t", "x y", "k"): 4,
        ("t", "x y", "d"): 5,
        ("t", "x y", "d", "e"): 5,
        ("u",): 6,
        ("u", "v"): 7,
    }


NOTATIONS = {
    "comments at the ends of lines": (
        '[profiles.a] # A\nbackend = "local" # b\npath = "x.db" # p # q "\n# end of a\n\n# b: before\n'
        "[profiles.b] # b: B\nbackend = \"local\"# b: t\npath = 'y#z.db'   # b: why\n# tail\n"
    ),
    "inline tables": (
        'default_profile="a" # d\n[profiles] # P\n# one\na = { backend = "local", path = "x.db" } # ia\n'
        '# two\nb = {backend="local",path="y.db",tables={session={name="s"}}} # b: i\n'
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


OTHER_NOTATIONS = {
    "dotted keys": 'profiles.a.backend = "local" # 1\nprofiles.a.path = "x.db"\nprofiles.b = {backend = "local"}\n',
    "dotted keys in a table": '[profiles]\na.backend = "local" # 1\na.path = "x.db"\n[profiles.b]\nbackend="local"\n',
    "values over several lines": '[profiles.a]\nbackend = """\\\nlocal"""\npath = """\nx"""\n[profiles.b]\npath="y"\n',
    "TOML in a text": "[profiles.a]\npath = '''\npath = 'x'\n[\"\\q\"]\n'''\n[profiles.b]\npath = 'y'\n",
}


CHANGES: list[tuple[str, list[tuple[str, str]]]] = [
    ("a", [("path", 'new "x" # .db')]),
    ("a", [("tables.session.search_fields.zz", "long")]),
    ("b", [("timeout", "5")]),
    ("b", [("tables.message.search_fields.zz", "long"), ("output", "json"), ("tables.message.index", "i")]),
    ("new one", [("backend", "local"), ("path", "n"), ("tables.session.name", "chats")]),
]


def said(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_bytes().decode("utf-8-sig"))


def with_changes(data: dict[str, Any], name: str, pairs: list[tuple[str, str]]) -> dict[str, Any]:
    """Set keys of a profile in a document, and return it."""
    for key, value in pairs:
        *tables, last = key.split(".")
        level = data["profiles"].setdefault(name, {})
        for table in tables:
            level = level.setdefault(table, {})
        level[last] = int(value) if key == "timeout" else value
    return data


def lines_lost(old: str, new: str) -> list[str]:
    """Return the lines of the old text that the new one lacks, in order."""
    kept, lost, at = new.removeprefix("\ufeff").splitlines(keepends=True), [], 0
    for line in old.removeprefix("\ufeff").splitlines(keepends=True):
        try:
            at = kept.index(line if line.endswith("\n") else f"{line}\n", at) + 1
        except ValueError:
            lost.append(line)
    return lost


@pytest.fixture(params=NOTATIONS)
def config(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A file in each notation."""
    path = tmp_path / "config.toml"
    path.write_bytes(NOTATIONS[request.param].encode())
    path.chmod(0o600)
    return path


@pytest.mark.parametrize(("name", "pairs"), CHANGES, ids=[f"{name}-{pairs[0][0]}" for name, pairs in CHANGES])
def test_set_changes_at_most_one_line_and_keeps_its_comment(
    config: Path, name: str, pairs: list[tuple[str, str]]
) -> None:
    old = config.read_bytes().decode()
    wanted = with_changes(said(config), name, pairs)
    set_values({"HOME": "/h"}, name, pairs, config=config)
    new = config.read_bytes().decode()
    lost = lines_lost(old, new)

    assert wanted == said(config)
    assert len(lost) <= 1, lost
    assert [comment for line in lost if "#" in line and (comment := line.rpartition("#")[2]) not in new] == []
    assert (new.startswith("\ufeff"), "\r\n" in new) == (old.startswith("\ufeff"), "\r\n" in old)
    assert new.count("\r\n") == (new.count("\n") if "\r\n" in old else 0)


def test_use_keeps_all_other_lines(config: Path) -> None:
    old = config.read_bytes().decode()
    use_profile({"HOME": "/h"}, "b", config=config)

    assert said(config)["default_profile"] == "b"
    assert [line for line in lines_lost(old, config.read_bytes().decode()) if "default_profile" not in line] == []


def test_delete_keeps_the_lines_of_other_profiles(config: Path) -> None:
    old = config.read_bytes().decode()
    wanted = said(config)
    del wanted["profiles"]["b"]
    delete_profile({"HOME": "/h"}, "b", config=config)
    new = config.read_bytes().decode()

    assert wanted == said(config)
    comments = re.findall(r"#[ A-Za-z0-9]+$", old.replace("\r", ""), re.MULTILINE)
    assert [comment for comment in comments if comment not in new] == []


@pytest.mark.parametrize("text", OTHER_NOTATIONS.values(), ids=list(OTHER_NOTATIONS))
@pytest.mark.parametrize("value", [{"path": "new", "timeout": 5}, {"path": "z"}, {}])
def test_rewriting_a_file_in_another_notation_loses_only_comments(text: str, value: dict[str, object]) -> None:
    wanted = tomllib.loads(text)
    if value:
        wanted["profiles"]["a"] |= value
    else:
        del wanted["profiles"]["a"]
    paths: list[tuple[str, ...]] = [("profiles", "a", key) for key in value] or [("profiles", "a")]
    assert wanted == tomllib.loads(edit_text(text, paths, wanted))
