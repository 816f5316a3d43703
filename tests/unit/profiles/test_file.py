"""The profile file: where it is, how it is read, and who else can change it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.profile_files import refusal, write
from tsmem.errors import ProfileError
from tsmem.profiles import config_path, load_profile
from tsmem.profiles.file import decode_text, distrust_reason, parse_toml
from tsmem.profiles.toml_text import key_lines


@pytest.mark.parametrize(
    ("environ", "flag", "expected"),
    [
        ({"HOME": "/h"}, None, "/h/.config/tsmem/config.toml"),
        ({"HOME": "/h", "XDG_CONFIG_HOME": "/x"}, None, "/x/tsmem/config.toml"),
        ({"HOME": "/h", "XDG_CONFIG_HOME": "relative"}, None, "/h/.config/tsmem/config.toml"),
        ({"HOME": "/h", "XDG_CONFIG_HOME": "/x", "TSMEM_CONFIG": "/t"}, None, "/t"),
        ({"HOME": "/h", "TSMEM_CONFIG": "/t"}, "/f", "/f"),
    ],
)
def test_config_path_is_flag_then_variable_then_xdg_then_home(
    environ: dict[str, str], flag: str | None, expected: str
) -> None:
    assert Path(expected) == config_path(environ, flag)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a = 'x", "(at end of document)"),
        (b"ok = 1\n\xff\xfe", ":2:1: not UTF-8"),
        (b"\xef\xbb\xbfok = 1\n\xff", ":2:1: not UTF-8"),
        ("a = " + "{a=" * 1300, "nested too deeply"),
        ("[[profiles]]\nname = 'x'", ":1: 'profiles' must be a section"),
        ("[a]\nb.c = = 1", ":2:7: "),
    ],
)
def test_a_file_that_cannot_be_parsed_is_refused_with_its_place(
    env: dict[str, str], config: Path, text: str | bytes, reason: str
) -> None:
    write(config, text)
    refused = refusal(env)
    error = str(refused)
    assert error.startswith(str(config))
    assert reason in error
    assert len(error) < 400
    assert refused.__cause__ is None  # it could hold a secret of the file
    assert refused.__context__ is None or refused.__suppress_context__


@settings(max_examples=30)
@given(st.text(max_size=60) | st.from_regex(r"\A([a\"'=#\n\[\]{}., 1\\]{0,40})\Z"))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    path = Path("config.toml")
    try:
        parse_toml(path, decode_text(path, text.encode(errors="surrogatepass")))
    except ProfileError:
        return
    key_lines(text)


def test_folders_of_a_link_and_of_its_target_are_checked(tmp_path: Path) -> None:
    real, safe = tmp_path / "real", tmp_path / "safe"
    real.mkdir(mode=0o700)
    safe.mkdir(mode=0o700)
    (real / "c.toml").write_text("[profiles.local]\n")
    (real / "c.toml").chmod(0o600)
    (safe / "c.toml").symlink_to(real / "c.toml")
    assert load_profile({"HOME": "/h"}, config=safe / "c.toml").warnings == ()
    for folder in (real, safe):
        folder.chmod(0o777)
        assert str(folder) in load_profile({"HOME": "/h"}, config=safe / "c.toml").warnings[0]
        folder.chmod(0o700)


@pytest.mark.parametrize(
    ("mode", "expected"), [(0o755, None), (0o1777, None), (0o770, "(mode 770)"), (0o2775, "(mode 2775)")]
)
def test_an_ancestor_folder_that_others_can_write_is_distrusted(
    tmp_path: Path, mode: int, expected: str | None
) -> None:
    """They could replace the folder below it by their own. The sticky bit prevents that."""
    folder = tmp_path / "above" / "between"
    folder.mkdir(parents=True, mode=0o700)
    (folder / "c.toml").touch(mode=0o600)
    (tmp_path / "above").chmod(mode)
    reason = distrust_reason(folder / "c.toml", (folder / "c.toml").stat())
    assert reason == (expected and f"other users can write {tmp_path}/above {expected}")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to another user")
@pytest.mark.parametrize("mode", [0o700, 0o1777])
def test_an_ancestor_folder_of_another_user_is_distrusted(tmp_path: Path, mode: int) -> None:
    folder = tmp_path / "theirs" / "ours"
    folder.mkdir(parents=True, mode=0o700)
    (folder / "c.toml").touch(mode=0o600)
    os.chown(tmp_path / "theirs", 12345, 12345)
    (tmp_path / "theirs").chmod(mode)
    assert (
        distrust_reason(folder / "c.toml", (folder / "c.toml").stat()) == f"{tmp_path}/theirs belongs to another user"
    )


def test_a_file_of_another_user_is_distrusted(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    (tmp_path / "c.toml").touch()
    owners = {0: None, os.geteuid(): None, os.geteuid() + 1: f"{tmp_path}/c.toml belongs to another user"}
    for owner, expected in owners.items():
        status = os.stat_result((0o100600, 0, 0, 1, owner, 0, 0, 0, 0, 0))
        assert expected == distrust_reason(tmp_path / "c.toml", status)
