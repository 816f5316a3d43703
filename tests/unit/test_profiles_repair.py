"""Commands that repair a profile file with several mistakes in it, one mistake at a time."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tsmem.errors import ProfileError
from tsmem.profiles import load_profile, profile_list
from tsmem.profiles.writer import delete_profile, set_values, use_profile

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
def config(tmp_path: Path) -> Path:
    """A file in which two profiles are broken."""
    path = tmp_path / "config.toml"
    path.write_text(TWO_BROKEN)
    path.chmod(0o600)
    return path


@pytest.fixture
def env(config: Path) -> dict[str, str]:
    """An environment that names the file."""
    return {"HOME": str(config.parent), "TSMEM_CONFIG": str(config)}


def states(env: dict[str, str]) -> dict[str, str]:
    """Return the backend of each profile, or `invalid`."""
    return {line.name: line.backend for line in profile_list(env)}


def test_each_broken_profile_can_be_repaired_though_the_other_is_broken(env: dict[str, str]) -> None:
    """Each broken profile can be repaired though the other is broken."""
    set_values(env, "a", [("paht", ""), ("path", "a.db")])
    assert states(env) == {"a": "local", "b": "invalid", "good": "local", "local": "local"}
    for key, value in (
        ("timeout", "5"),
        ("endpoint", "https://h.example"),
        ("instance", "i"),
        ("access_key_id", "env:ID"),
        ("access_key_secret", "env:SECRET"),
    ):
        assert states(env)["b"] == "invalid"
        set_values(env, "b", [(key, value)])
    assert states(env)["b"] == "tablestore"


def test_a_broken_profile_can_be_deleted_though_another_is_broken(env: dict[str, str]) -> None:
    """A broken profile can be deleted though another is broken."""
    delete_profile(env, "b")
    use_profile(env, "good")
    delete_profile(env, "a")
    assert states(env) == {"good": "local", "local": "local"}


@pytest.mark.parametrize(
    "text",
    ["[profiles]\na = 5\n", "[profiles.env]\n", "[[profiles.a]]\n", '[profiles." a"]\n', "[profiles.a.tables]\n"],
)
def test_whatever_stands_in_a_profiles_place_can_be_deleted(env: dict[str, str], config: Path, text: str) -> None:
    """Whatever stands in a profile's place can be deleted."""
    config.write_text(text + '[profiles.good]\nbackend = "local"\npath = "good.db"\n')
    (name,) = set(states(env)) - {"good", "local"}
    delete_profile(env, name)
    assert states(env) == {"good": "local", "local": "local"}


def test_a_default_that_is_no_name_can_be_replaced(env: dict[str, str], config: Path) -> None:
    """A default that is no name can be replaced."""
    config.write_text("default_profile = 5\n")
    use_profile(env, "local")
    assert load_profile(env).name == "local"


def test_a_broken_profile_cannot_become_the_default(env: dict[str, str], config: Path) -> None:
    """A broken profile cannot become the default."""
    with pytest.raises(ProfileError, match=r":9: profile 'b': 'endpoint' must be"):
        use_profile(env, "b")
    assert config.read_text() == TWO_BROKEN


@pytest.mark.parametrize(
    ("name", "pairs", "reason"),
    [
        ("a", [("timeout", "-1")], "'timeout' must be more than 0"),
        ("a", [("timeout", "5"), ("outptu", "json")], "unknown key 'outptu'"),
        ("b", [("endpoint", "ftp://x")], "'endpoint' must be"),
        ("good", [("path", "")], "needs 'path'"),
        ("good", [("backend", "tablestore")], "'path' is a key of backend local"),
    ],
)
def test_an_edit_may_not_add_a_mistake(
    env: dict[str, str], config: Path, name: str, pairs: list[tuple[str, str]], reason: str
) -> None:
    """An edit may not add a mistake."""
    with pytest.raises(ProfileError, match=reason):
        set_values(env, name, pairs)
    assert config.read_text() == TWO_BROKEN


@pytest.mark.parametrize("ending", ["\n", "", "\r\n", "\n\n\n"])
@pytest.mark.parametrize(
    "text",
    [
        'default_profile = "local"',
        "[profiles.x]\nbackend = 'local'\npath = 'x'",
        "profiles.x.backend = 'local'\nprofiles.x.path = 'x'",
        "profiles = { x = { backend = 'local', path = 'x' } }",
        "[profiles]\nx = { backend = 'local', path = 'x' }",
        '[profiles.x]\nbackend = "local"\npath = """\nx"""',
    ],
)
@pytest.mark.parametrize("name", ["x", "new"])
@pytest.mark.parametrize("pair", [("timeout", "-1"), ("nonsense", "1"), ("tables.session.name", "-")])
def test_an_error_names_no_line_beyond_the_file(
    env: dict[str, str], config: Path, text: str, ending: str, name: str, pair: tuple[str, str]
) -> None:
    """What an edit would write is not in the file, and has no line there."""
    text = text.replace("\n", ending or "\n") if ending == "\r\n" else text
    config.write_bytes((text + ending).encode())
    with pytest.raises(ProfileError) as caught:
        set_values(env, name, [("backend", "local"), ("path", "y"), pair])
    place = re.match(rf"{re.escape(str(config))}(?::(\d+))?: profile '{name}'", str(caught.value))
    assert place is not None, caught.value
    assert int(place[1] or 1) <= len(config.read_bytes().splitlines())
    assert name != "new" or place[1] is None
