"""Secrets by reference: environment, file and command, and what is refused of each."""

from __future__ import annotations

import os
import shlex
import sys
import time
from pathlib import Path

import pytest

from tsmem.errors import ProfileError
from tsmem.profiles import Secret, load_profile
from tsmem.profiles import model as profiles_model
from tsmem.profiles.file import distrust


def secret(text: str, folder: Path = Path("/"), **environ: str) -> Secret:
    """A secret of a profile called p."""
    return Secret(text, what="profile 'p', access_key_secret", environ=environ, folder=folder, distrust=None)


def python(code: str) -> str:
    """A command that runs Python code."""
    return f"cmd:{shlex.quote(sys.executable)} -S -c {shlex.quote(code)}"


def refusal(found: Secret) -> str:
    """What `reveal` says no with."""
    with pytest.raises(ProfileError) as caught:
        found.reveal()
    assert "hunter2" not in f"{caught.value} {caught.value.hint} {caught.value.__cause__}"
    return str(caught.value)


def test_plain() -> None:
    """A plain secret is itself, colons included."""
    assert secret("hunter2").reveal() == "hunter2"
    assert secret("user:pass").reveal() == "user:pass"
    assert (secret("hunter2").shown, secret("hunter2").is_reference) == ("(set, hidden)", False)


def test_from_the_environment() -> None:
    """env:NAME is read when it is asked for; unset and empty are none, and an error where one is needed."""
    assert secret("env:X", X="hunter2").reveal() == "hunter2"
    assert secret("env:X").find() is None
    assert secret("env:X", X="").find() is None
    expected = "profile 'p', access_key_secret: environment variable X is not set"
    assert expected == refusal(secret("env:X"))


def test_from_a_file(tmp_path: Path) -> None:
    """file:PATH loses one line end; a relative path starts at the profile file; ~ is HOME's."""
    (tmp_path / "s").write_bytes(b"hunter2\r\n")
    assert secret(f"file:{tmp_path}/s").reveal() == "hunter2"
    assert secret("file:s", tmp_path).reveal() == "hunter2"
    assert secret("file:~/s", HOME=str(tmp_path)).reveal() == "hunter2"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"hunter2\nmore\n", "not one line"),
        (b"hunter2\xff", "not one line"),
        (b"hunter2\x1b[31m", "not one line"),
        (b"hunter2" * 100_000, "longer than"),
    ],
)
def test_what_no_secret_is(tmp_path: Path, content: bytes, reason: str) -> None:
    """A file that holds no secret is refused without showing what it holds."""
    (tmp_path / "s").write_bytes(content)
    assert reason in refusal(secret("file:s", tmp_path))


def test_a_missing_file(tmp_path: Path) -> None:
    """The path is named."""
    assert f"cannot read {tmp_path}/s: No such file" in refusal(secret("file:s", tmp_path))


def test_from_a_command(tmp_path: Path) -> None:
    """cmd:COMMAND is split into words and run without a shell, in the file's directory, with no input."""
    assert secret(python("print('hunter2')"), tmp_path).reveal() == "hunter2"
    assert secret(python("import os; print(os.getcwd())"), tmp_path).reveal() == str(tmp_path)
    assert secret(python("import sys; print(repr(sys.stdin.read()))")).reveal() == "''"
    assert secret(python("import os; print(os.environ['X'])"), X="hunter2").reveal() == "hunter2"
    assert (
        secret(python("import sys; print(sys.argv[1:])") + " '$HOME;' '*' \"a b\"").reveal() == "['$HOME;', '*', 'a b']"
    )


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("cmd:no-such-command-here", "cannot run 'no-such-command-here': No such file"),
        ("cmd:'unbalanced", "No closing quotation"),
        ("cmd:''", "names no command"),
        (python("import sys; print('hunter2'); sys.exit(3)"), "failed with exit code 3"),
        (python("import os; os.kill(os.getpid(), 15)"), "failed with exit code -15"),
        (python("pass"), "is empty"),
        (python("while True: print('hunter2' * 1000)"), "longer than"),
    ],
)
def test_a_command_that_gives_no_secret(command: str, reason: str) -> None:
    """A failure is named, and nothing the command wrote."""
    assert reason in refusal(secret(command, PATH="/nonexistent"))


@pytest.mark.parametrize(
    "code",
    [
        "import time; time.sleep(60)",
        "import os, time; os.close(1); time.sleep(60)",
        "import os, time; os.fork(); time.sleep(9)",
        "import os, time; [(os.write(1, b'x'), time.sleep(0.2)) for _ in range(60)]",
    ],
)
def test_a_command_has_a_time_limit(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """A command that does not end, or keeps its output open, is given up on."""
    monkeypatch.setattr(profiles_model, "COMMAND_TIMEOUT_S", 0.5)
    started = time.monotonic()
    assert "took more than 0.5 s" in refusal(secret(python(code)))
    assert time.monotonic() - started < 8


def test_a_command_from_a_file_that_others_can_write(tmp_path: Path) -> None:
    """It is not run, whoever the others are; the other kinds of reference are."""
    mark = tmp_path / "ran"
    config = tmp_path / "config.toml"
    config.write_text(
        "[profiles.p]\nbackend = 'tablestore'\nendpoint = 'https://h'\ninstance = 'i'\n"
        f"access_key_id = 'env:ID'\naccess_key_secret = 'cmd:touch {mark}'\n"
    )
    tmp_path.chmod(0o700)
    for mode, folder_mode in ((0o602, 0o700), (0o620, 0o700), (0o600, 0o770), (0o600, 0o702)):
        config.chmod(mode)
        tmp_path.chmod(folder_mode)
        profile = load_profile({"HOME": "/h", "ID": "id", "PATH": "/bin:/usr/bin"}, config=config, profile="p")
        assert profile.access_key_id is not None
        assert profile.access_key_id.reveal() == "id"
        assert profile.access_key_secret is not None
        assert "no command is run from a profile file that others can change" in refusal(profile.access_key_secret)
        assert not mark.exists()


def test_a_link_into_a_directory_of_others(tmp_path: Path) -> None:
    """Behind a symbolic link the file's own directory counts too, and so does the link's."""
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
    ("mode", "expected"),
    [
        (0o700, None),
        (0o755, None),
        (0o1777, None),
        (0o777, "(mode 777)"),
        (0o770, "(mode 770)"),
        (0o2775, "(mode 2775)"),
    ],
)
def test_any_folder_on_the_way_that_others_can_write_is_distrusted(
    tmp_path: Path, mode: int, expected: str | None
) -> None:
    """They could put another folder, with another file, in the place of the one below it; the sticky bit forbids it."""
    folder = tmp_path / "above" / "between"
    folder.mkdir(parents=True, mode=0o700)
    (folder / "c.toml").touch(mode=0o600)
    (tmp_path / "above").chmod(mode)
    reason = distrust(folder / "c.toml", (folder / "c.toml").stat())
    assert reason == (expected and f"{tmp_path}/above can be written by others {expected}")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to another user")
@pytest.mark.parametrize("mode", [0o700, 0o1777])
def test_a_folder_of_another_user_on_the_way_is_distrusted(tmp_path: Path, mode: int) -> None:
    """A folder of another user on the way is distrusted."""
    folder = tmp_path / "theirs" / "ours"
    folder.mkdir(parents=True, mode=0o700)
    (folder / "c.toml").touch(mode=0o600)
    os.chown(tmp_path / "theirs", 12345, 12345)
    (tmp_path / "theirs").chmod(mode)
    assert distrust(folder / "c.toml", (folder / "c.toml").stat()) == f"{tmp_path}/theirs belongs to another user"


def test_a_file_of_another_user(tmp_path: Path) -> None:
    """Who owns a file can change it, whatever its mode; root can anyway."""
    tmp_path.chmod(0o700)
    (tmp_path / "c.toml").touch()
    owners = {0: None, os.geteuid(): None, os.geteuid() + 1: f"{tmp_path}/c.toml belongs to another user"}
    for owner, expected in owners.items():
        status = os.stat_result((0o100600, 0, 0, 1, owner, 0, 0, 0, 0, 0))
        assert expected == distrust(tmp_path / "c.toml", status)


def test_a_command_gets_no_secret_and_no_file_of_ours(tmp_path: Path) -> None:
    """It gets the user's other variables, which it may need."""
    ours = dict.fromkeys(("TABLESTORE_ACCESS_KEY_SECRET", "TABLESTORE_SECURITY_TOKEN", "TSMEM_SERVE_SECRET"), "hunter2")
    show = "import os; print(sorted(os.environ), [n for n in range(3, 99) if os.path.exists(f'/proc/self/fd/{n}')])"

    with (tmp_path / "open").open("wb"):
        shown = secret(python(show), tmp_path, **ours, VAULT_TOKEN="v", LC_CTYPE="C.UTF-8").reveal()

    assert "['LC_CTYPE', 'VAULT_TOKEN'] []" == shown
