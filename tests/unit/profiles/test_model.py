"""Secrets by reference: environment, file and command."""

from __future__ import annotations

import shlex
import sys
import time
from pathlib import Path

import pytest

from tsmem.errors import ProfileError
from tsmem.profiles import Secret
from tsmem.profiles import model as profiles_model


def secret(text: str, folder: Path = Path("/"), **environ: str) -> Secret:
    """Return a secret of a profile called p."""
    return Secret(text, name="profile 'p', access_key_secret", environ=environ, folder=folder, distrust_reason=None)


def python(code: str) -> str:
    """Return a command that runs Python code."""
    return f"cmd:{shlex.quote(sys.executable)} -S -c {shlex.quote(code)}"


def refusal(found: Secret) -> str:
    """Return the message of the error that `reveal` raises."""
    with pytest.raises(ProfileError) as caught:
        found.reveal()
    assert "hunter2" not in f"{caught.value} {caught.value.hint} {caught.value.__cause__!r}"
    return str(caught.value)


def test_a_plain_secret_is_used_as_it_is() -> None:
    assert secret("hunter2").reveal() == "hunter2"
    assert secret("user:pass").reveal() == "user:pass"
    assert (secret("hunter2").shown, secret("hunter2").is_reference) == ("(set, hidden)", False)


def test_env_secret_is_read_on_use_and_may_be_unset() -> None:
    assert secret("env:X", X="hunter2").reveal() == "hunter2"
    assert secret("env:X").find() is None
    assert secret("env:X", X="").find() is None
    expected = "profile 'p', access_key_secret: environment variable X is not set"
    assert expected == refusal(secret("env:X"))


def test_file_secret_drops_one_line_end_and_is_relative_to_the_profile_file(tmp_path: Path) -> None:
    (tmp_path / "s").write_bytes(b"hunter2\r\n")
    assert secret(f"file:{tmp_path}/s").reveal() == "hunter2"
    assert secret("file:s", tmp_path).reveal() == "hunter2"
    assert secret("file:~/s", HOME=str(tmp_path)).reveal() == "hunter2"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\n", "is empty"),
        (b"hunter2\nmore\n", "not one line"),
        (b"hunter2\xff", "not one line"),
        (b"hunter2\x1b[31m", "not one line"),
        (b"hunter2" * 100_000, "longer than"),
    ],
)
def test_file_secret_must_be_one_short_line_of_text(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "s").write_bytes(content)
    assert reason in refusal(secret("file:s", tmp_path))


def test_cmd_secret_runs_without_a_shell(tmp_path: Path) -> None:
    """It runs in the directory of the profile file, with no input."""
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
        (python("import sys; print('hunter2'); sys.exit(3)"), "failed with exit code 3"),
        (python("import os; os.kill(os.getpid(), 15)"), "failed with exit code -15"),
        (python("pass"), "is empty"),
        (python("while True: print('hunter2' * 1000)"), "longer than"),
    ],
)
def test_cmd_secret_that_fails_is_explained_without_its_output(command: str, reason: str) -> None:
    assert reason in refusal(secret(command, PATH="/nonexistent"))


@pytest.mark.parametrize(
    "code",
    [
        "import time; print('hunter2', flush=True); time.sleep(60)",
        "import os, time; os.close(1); time.sleep(60)",
        "import os, time; os.fork(); time.sleep(60)",
        "import os, time; [(os.write(1, b'x'), time.sleep(0.2)) for _ in range(300)]",
    ],
)
def test_cmd_secret_has_a_time_limit(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    monkeypatch.setattr(profiles_model, "COMMAND_TIMEOUT_S", 0.5)
    started = time.monotonic()
    assert "took more than 0.5 s" in refusal(secret(python(code)))
    assert time.monotonic() - started < 30


def test_cmd_secret_gets_neither_our_secrets_nor_our_open_files(tmp_path: Path) -> None:
    ours = dict.fromkeys(("TABLESTORE_ACCESS_KEY_SECRET", "TABLESTORE_SECURITY_TOKEN", "TSMEM_SERVE_SECRET"), "hunter2")
    show = "import os; print(sorted(os.environ), [n for n in range(3, 99) if os.path.exists(f'/proc/self/fd/{n}')])"

    with (tmp_path / "open").open("wb"):
        shown = secret(python(show), tmp_path, **ours, VAULT_TOKEN="v", LC_CTYPE="C.UTF-8").reveal()

    assert "['LC_CTYPE', 'VAULT_TOKEN'] []" == shown
