"""The one writer of the profile file: whole or not at all, private, and careful with what people wrote."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import tomllib
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsmem.errors import ProfileError
from tsmem.profiles import load_profile
from tsmem.profiles.writer import delete_profile, set_values, use_profile

TEXT = """\
# my profiles
default_profile = "prod"   # the one we work on

# the laptop
[profiles.local]
path = "~/memory.db"

# production
[profiles.prod]
backend = "tablestore"   # the real thing
endpoint = "https://h"
instance = "i"
access_key_id = "env:ID"
access_key_secret = "file:secret"

[profiles.prod.tables.session]
name = "chats"
search_fields = { topic = "keyword" }  # for search

# staging
[profiles.staging]
backend = "local"
path = "s.db"
# the end
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A profile file in a private directory."""
    tmp_path.chmod(0o700)
    path = tmp_path / "config.toml"
    path.write_text(TEXT)
    path.chmod(0o600)
    return path


@pytest.fixture
def env(config: Path) -> dict[str, str]:
    """An environment that names the file."""
    return {"HOME": str(config.parent), "TSMEM_CONFIG": str(config)}


@pytest.fixture
def _umask_000() -> Iterator[None]:
    old = os.umask(0)
    yield
    os.umask(old)


def mode(path: Path) -> int:
    """Permission bits."""
    return stat.S_IMODE(path.stat().st_mode)


def data(path: Path) -> dict[str, Any]:
    """What a file says."""
    return tomllib.loads(path.read_text())


@pytest.mark.usefixtures("_umask_000")
def test_the_first_profile_makes_the_file(tmp_path: Path) -> None:
    """Directories are 0700 and files 0600 whatever the umask; nothing is left but the file and its lock."""
    environ = {"HOME": str(tmp_path)}
    path = set_values(environ, "x", [("backend", "local"), ("path", "/x.db"), ("timeout", "5")])
    assert path == tmp_path / ".config" / "tsmem" / "config.toml"
    assert (mode(path), mode(path.parent), mode(path.parent.parent)) == (0o600, 0o700, 0o700)
    assert sorted(item.name for item in path.parent.iterdir()) == ["config.toml", "config.toml.lock"]
    assert mode(path.with_name("config.toml.lock")) == 0o600
    assert path.read_text() == '[profiles.x]\nbackend = "local"\npath = "/x.db"\ntimeout = 5\n'
    use_profile(environ, "x")
    assert path.read_text().startswith('default_profile = "x"\n\n[profiles.x]\n')
    assert (load_profile(environ).name, load_profile(environ).timeout_s, load_profile(environ).warnings) == (
        "x",
        5.0,
        (),
    )


@pytest.mark.parametrize(
    ("name", "assignment", "old", "new"),
    [
        ("prod", ("endpoint", "https://g"), 'endpoint = "https://h"', 'endpoint = "https://g"'),
        ("prod", ("timeout", "2.5"), '"file:secret"\n', '"file:secret"\ntimeout = 2.5\n'),
        ("prod", ("tables.session.name", "a"), 'name = "chats"', 'name = "a"'),
        ("prod", ("tables.session.index", "b"), "# for search\n", '# for search\nindex = "b"\n'),
        ("prod", ("tables.session.search_fields.n", "long"), '"keyword" }', '"keyword", n = "long" }'),
        ("prod", ("tables.session.search_fields.topic", ""), '{ topic = "keyword" }', "{}"),
        ("prod", ("tables.session.search_fields", ""), 'search_fields = { topic = "keyword" }  # for search\n', ""),
        (
            "prod",
            ("tables.message.name", "m"),
            "# for search\n",
            '# for search\n\n[profiles.prod.tables.message]\nname = "m"\n',
        ),
        ("local", ("path", ""), 'path = "~/memory.db"\n', ""),
        ("staging", ("path", 'a "b" \\'), 'path = "s.db"', 'path = "a \\"b\\" \\\\"'),
    ],
)
def test_an_edit_changes_its_line_alone(
    env: dict[str, str], config: Path, name: str, assignment: tuple[str, str], old: str, new: str
) -> None:
    """Comments, order and everything else stay as they were."""
    assert TEXT.count(old) == 1
    set_values(env, name, [assignment])
    assert TEXT.replace(old, new) == config.read_text()


def test_a_new_profile_goes_to_the_end(env: dict[str, str], config: Path) -> None:
    """Its name is quoted where TOML wants it."""
    set_values(env, "new one", [("backend", "local"), ("path", "n.db")])
    assert config.read_text() == TEXT + '\n[profiles."new one"]\nbackend = "local"\npath = "n.db"\n'


def test_use_keeps_the_comment(env: dict[str, str], config: Path) -> None:
    """The default is changed in place."""
    use_profile(env, "staging")
    assert config.read_text() == TEXT.replace('= "prod" ', '= "staging" ')
    use_profile(env, "env")
    assert data(config)["default_profile"] == "env"


def test_delete_takes_a_profile_with_its_comments(env: dict[str, str], config: Path) -> None:
    """What follows it, and what it points to, stays."""
    (config.parent / "s.db").write_text("data")
    delete_profile(env, "staging")
    start = TEXT.index("\n# staging")
    assert config.read_text() == TEXT[:start] + "# the end\n"
    assert (config.parent / "s.db").exists()
    use_profile(env, "local")
    delete_profile(env, "prod")
    assert list(data(config)["profiles"]) == ["local"]
    delete_profile(env, "local")
    assert load_profile(env).origins["path"] == "built in"
    assert "# my profiles" in config.read_text()


def test_dotted_and_inline_profiles(env: dict[str, str], config: Path) -> None:
    """Whatever the notation, the file says the right thing."""
    text = '[profiles]\n# inline\nx = { backend = "local", path = "x.db" }\ny.backend = "local"\ny.path = "y.db"\n'
    config.write_text(text)
    set_values(env, "x", [("path", "z.db")])
    assert config.read_text() == text.replace('"x.db"', '"z.db"')
    set_values(env, "x", [("tables.session.name", "s")])
    set_values(env, "y", [("tables.session.name", "s"), ("path", "w.db")])
    assert data(config)["profiles"] == {
        "x": {"backend": "local", "path": "z.db", "tables": {"session": {"name": "s"}}},
        "y": {"backend": "local", "path": "w.db", "tables": {"session": {"name": "s"}}},
    }


@pytest.mark.parametrize(
    ("name", "pairs", "reason"),
    [
        ("prod", [], "nothing to set"),
        ("prod", [("endpont", "https://h")], "did you mean 'endpoint'"),
        ("prod", [("endpoint", "")], "needs 'endpoint'"),
        ("prod", [("endpoint", "nonsense")], "must be https://HOST"),
        ("prod", [("timeout", "hunter2")], "must be a number"),
        ("prod", [("timeout", "nan")], "more than 0"),
        ("prod", [("timeout", "1e999")], "more than 0"),
        ("prod", [("endpoint.x", "y")], "'endpoint' holds a value"),
        ("prod", [("tables.session", "y")], "must be a table"),
        ("prod", [("path", "x")], "is a key of backend local"),
        ("prod", [("access_key_secret", "hunter2")], "takes no secret itself"),
        ("prod", [("security_token", "hunter2")], "takes no secret itself"),
        ("prod", [("access_key_secret", "env:hunter2 x")], "names no environment variable"),
        ("prod", [("access_key_secret.x", "hunter2")], "'access_key_secret' holds a value"),
        ("prod", [("security_token.x", "hunter2")], "must be text, not a table"),
        ("env", [("timeout", "5")], "cannot be set"),
        ("-x", [("backend", "local"), ("path", "x")], "cannot name a profile"),
        ("", [("backend", "local"), ("path", "x")], "cannot name a profile"),
        ("prd", [("region", "")], "did you mean 'prod'"),
    ],
)
def test_a_refused_change_changes_nothing(
    env: dict[str, str], config: Path, name: str, pairs: list[tuple[str, str]], reason: str
) -> None:
    """The file stays as it was, no lock file appears, and no secret is repeated."""
    with pytest.raises(ProfileError, match=reason) as caught:
        set_values(env, name, pairs)
    said = [caught.value.hint or "", *traceback.format_exception(caught.value)]
    assert "hunter2" not in "".join(said)
    assert config.read_text() == TEXT
    assert [item.name for item in config.parent.iterdir()] == ["config.toml"]


def test_use_and_delete_refuse(env: dict[str, str], config: Path) -> None:
    """A name that is not there, the default, and what is built in."""
    for change, name, reason in (
        (use_profile, "prd", "did you mean 'prod'"),
        (delete_profile, "prd", "did you mean 'prod'"),
        (delete_profile, "prod", "is the default"),
        (delete_profile, "env", "built in"),
    ):
        with pytest.raises(ProfileError, match=reason):
            change(env, name)
    assert config.read_text() == TEXT
    with pytest.raises(ProfileError, match="built in"):
        delete_profile({"HOME": str(config.parent)}, "local")


def test_a_broken_file_is_not_written_over(env: dict[str, str], config: Path) -> None:
    """What cannot be read is left for people to repair."""
    for raw in (b"a = ", b"\xff", b"profiles = 1\n"):
        config.write_bytes(raw)
        with pytest.raises(ProfileError):
            set_values(env, "local", [("timeout", "5")])
        assert config.read_bytes() == raw


def test_secret_references_are_written(env: dict[str, str], config: Path) -> None:
    """References are what a flag may say."""
    set_values(env, "prod", [("access_key_secret", "cmd:pass show 'a b'"), ("security_token", "env:TOKEN")])
    assert data(config)["profiles"]["prod"]["access_key_secret"] == "cmd:pass show 'a b'"


def test_a_link_stays_a_link(env: dict[str, str], config: Path, tmp_path: Path) -> None:
    """What it points to is replaced, in its own directory; so is what a dangling one points to."""
    link = tmp_path / "links" / "c.toml"
    link.parent.mkdir()
    link.symlink_to(config)
    set_values(env, "staging", [("path", "t.db")], config=link)
    assert link.is_symlink()
    assert data(config)["profiles"]["staging"]["path"] == "t.db"
    assert [item.name for item in link.parent.iterdir()] == ["c.toml"]
    link.unlink()
    link.symlink_to(tmp_path / "new" / "c.toml")
    set_values(env, "x", [("backend", "local"), ("path", "x.db")], config=link)
    assert (tmp_path / "new" / "c.toml").is_file()


def test_what_was_readable_becomes_private(env: dict[str, str], config: Path) -> None:
    """A file that is written anew is 0600; a dead writer's temporary file is no obstacle."""
    config.chmod(0o644)
    config.with_name(".config.toml.tmp").write_text("half")
    use_profile(env, "local")
    assert mode(config) == 0o600
    assert sorted(item.name for item in config.parent.iterdir()) == ["config.toml", "config.toml.lock"]


def test_a_byte_order_mark_and_other_line_ends(env: dict[str, str], config: Path) -> None:
    """They stay as they are."""
    config.write_bytes(b"\xef\xbb\xbf" + TEXT.replace("\n", "\r\n").encode())
    assert load_profile(env).instance == "i"
    use_profile(env, "local")
    expected = b"\xef\xbb\xbf" + TEXT.replace('"prod" ', '"local" ').replace("\n", "\r\n").encode()
    assert expected == config.read_bytes()


def test_a_file_of_mixed_line_ends_gets_plain_ones(env: dict[str, str], config: Path) -> None:
    """One line that an editor ended otherwise does not change how all others end."""
    config.write_bytes(TEXT.replace("\n", "\r\n", 1).encode())
    use_profile(env, "local")
    assert TEXT.replace('"prod" ', '"local" ').encode() == config.read_bytes()


def test_a_change_is_on_the_disk_before_it_takes_its_place(
    env: dict[str, str], config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new file first, then its folder, which has its name."""
    synced: list[tuple[int, str]] = []
    real = os.fsync

    def noting(number: int) -> None:
        synced.append((os.fstat(number).st_ino, config.read_text()))
        real(number)

    monkeypatch.setattr(os, "fsync", noting)
    use_profile(env, "local")
    expected = [(config.stat().st_ino, TEXT), (config.parent.stat().st_ino, config.read_text())]
    assert expected == synced


def test_a_place_that_cannot_be_written(config: Path) -> None:
    """What stands where a folder should is named; a directory in the file's place is refused."""
    with pytest.raises(ProfileError, match=r"cannot be written: .*config\.toml is no folder"):
        use_profile({"HOME": "/h"}, "local", config=config / "x.toml")
    with pytest.raises(ProfileError, match="not a plain file"):
        use_profile({"HOME": "/h"}, "local", config=config.parent)


def test_a_name_as_long_as_may_be_can_be_written(tmp_path: Path) -> None:
    """A name as long as may be can be written."""
    config = tmp_path / ("n" * 250 + ".toml")
    for timeout in ("5", "6"):
        set_values({"HOME": "/h"}, "local", [("timeout", timeout)], config=config)
    assert data(config) == {"profiles": {"local": {"timeout": 6}}}
    assert len(list(tmp_path.iterdir())) == 2  # it and its lock


def test_two_writers_lose_nothing(env: dict[str, str], config: Path) -> None:
    """Two processes set fifteen profiles each, and a reader never meets half a file."""
    code = (
        "import sys; from tsmem.profiles.writer import set_values\n"
        "for i in range(15): set_values({'HOME': '/h'}, f'{sys.argv[2]}{i}', "
        "[('backend', 'local'), ('path', f'{i}.db')], config=sys.argv[1])"
    )
    writers = [
        subprocess.Popen([sys.executable, "-c", code, str(config), who], cwd=Path(__file__).parents[2]) for who in "ab"
    ]
    while any(writer.poll() is None for writer in writers):
        assert load_profile(env).instance == "i"
    assert [writer.returncode for writer in writers] == [0, 0]
    assert {f"{who}{i}" for who in "ab" for i in range(15)} <= set(data(config)["profiles"])
    assert "# the laptop" in config.read_text()


KEYS = st.sampled_from(
    [
        "path",
        "timeout",
        "output",
        "tables.session.name",
        "tables.session.search_fields.t",
        "tables.message.index",
        "tables",
    ]
)
VALUES = {"path": ["a.db", "b # c"], "timeout": ["1", "2.5"], "output": ["json", "csv"], "tables": [""]}
CHANGES = st.lists(st.tuples(st.sampled_from(["local", "staging", "x.y"]), KEYS, st.integers(0, 2)), max_size=8)


@settings(deadline=None, max_examples=25)
@given(changes=CHANGES)
def test_any_run_of_changes_says_what_was_set(
    changes: list[tuple[str, str, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whatever is set and removed in whatever order, the file says just that."""
    config = tmp_path_factory.mktemp("run") / "config.toml"
    config.write_text(TEXT + '[profiles."x.y"]\nbackend = "local"\npath = "z"\ntables.session.index = "i"\n')
    wanted = data(config)
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
    assert _pruned(wanted) == _pruned(data(config))


def _pruned(level: dict[str, Any]) -> dict[str, Any]:
    found = {key: _pruned(value) if isinstance(value, dict) else value for key, value in level.items()}
    return {key: value for key, value in found.items() if value != {}}
