"""What a shell is told when it completes: commands, options, and ids of the local store; or nothing at all."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable

import pytest

from tests.cli.conftest import Cli, Processes, messages, sessions
from tsmem.cli.app.main import main
from tsmem.store import Session


@pytest.fixture
def filled(ready: Cli) -> Cli:
    """Two users, four sessions, messages in two."""
    ready.fill(
        [*sessions(3), *sessions(1, "bob"), *messages(1, "s00001"), *messages(1, "orphan"), Session("x\ny", "s")]
    )
    return ready


def asked(line: str) -> dict[str, str]:
    """The variables by which bash asks for the last word of the line."""
    return {"_TSMEM_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(line.count(" "))}


def bash(process: Processes, line: str, **environ: str) -> list[str]:
    """What bash is offered for the last word of the line."""
    outcome = process.run(environ={**asked(line), **environ})
    assert (outcome.code, outcome.err) == (0, ""), outcome
    return [line for line in outcome.text.splitlines() if line]


Offered = Callable[[str], list[str]]


@pytest.fixture
def offered_in_process(cli: Cli, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Offered:
    """What bash is offered, asked for in this process."""

    def offered(line: str) -> list[str]:
        with monkeypatch.context() as patch:
            for name, value in {**cli.environ, **asked(line)}.items():
                patch.setenv(name, value)
            with pytest.raises(SystemExit) as end:
                main([])
        out, err = capfd.readouterr()
        assert (end.value.code, err) == (0, "")
        return [line for line in out.splitlines() if line]

    return offered


CASES = [
    ("tsmem ses", ["session"]),
    ("tsmem session re", ["recent"]),
    ("tsmem session list --us", ["--user"]),
    ("tsmem session get a", ["ada"]),
    ("tsmem session get ada s0000", ["s00000", "s00001", "s00002"]),
    ("tsmem session get bob ", ["s00000"]),
    ("tsmem session list --user b", ["bob"]),
    ("tsmem -o json session recent --user ", ["ada", "bob"]),
    ("tsmem show ", ["orphan", "s00001"]),
    ("tsmem message list --session o", ["orphan"]),
    ("tsmem message get s", ["s00001"]),
    ("tsmem message get s00001 ", ["m00000"]),
    ("tsmem message update orphan m", ["m00000"]),
    ("tsmem message delete s00001 x", []),
    ("tsmem show s00001 --user a", ["ada"]),
    ("tsmem session get nobody ", []),
    ("tsmem session list -o j", ["json", "jsonl"]),
    ("tsmem message list --session s00001 --role ", ["user", "assistant", "system", "tool"]),
    ("tsmem import chats.jsonl --format o", ["openai"]),
    ("tsmem import chats.jsonl --on-conflict s", ["skip"]),
    ("tsmem message search tea --sort ", ["newest", "score"]),
    ("tsmem help e", ["exit-codes"]),
    ("tsmem completion ", ["bash", "zsh", "fish"]),
]


@pytest.mark.parametrize(("line", "offered"), CASES, ids=[line for line, _ in CASES])
def test_bash_is_offered(filled: Cli, offered_in_process: Offered, line: str, offered: list[str]) -> None:
    """Commands, options, users, their sessions, and sessions with messages; no id that is more than one line."""
    assert offered_in_process(line) == offered


@pytest.mark.parametrize("line", ["tsmem session get a", "tsmem -p "])
def test_a_pipe_in_place_of_the_profile_file_is_not_waited_for(filled: Cli, process: Processes, line: str) -> None:
    """Nothing is offered where the profile file is a pipe that nobody writes to: a shell would hang."""
    fifo = filled.folder / "profiles"
    os.mkfifo(fifo)

    assert [] == bash(process, line, TSMEM_CONFIG=str(fifo))


@pytest.mark.parametrize(
    "line",
    ["-p ", "session list --profile ", "profile show ", "profile use ", "copy --from ", "copy --from prod --to "],
)
def test_profiles_are_offered_by_name(cli: Cli, offered_in_process: Offered, line: str) -> None:
    """All that there are, also those that break a rule, but none whose name a shell would run; no secret is fetched."""
    cli.config(
        '[profiles.prod]\nbackend = "tablestore"\n[profiles."$(touch ran)"]\n[profiles.work]\nbackend = "local"\n'
        f'path = "w.db"\n[profiles.cloud]\nbackend = "tablestore"\naccess_key_secret = "cmd:touch {cli.folder}/ran"\n'
    )
    assert ["prod", "work", "cloud", "local"] == offered_in_process(f"tsmem {line}")
    assert ["prod"] == offered_in_process(f"tsmem {line}p")
    assert not (cli.folder / "ran").exists()
    cli.config("x")
    assert [] == offered_in_process(f"tsmem {line}")


SPLIT = [
    ("tsmem session get team:a tr", ["trip:7", "trip:8"]),
    ("tsmem session get team:a trip:", ["7", "8"]),
    ("tsmem session get team:a  trip:8", ["8"]),
    ("tsmem session list --user=te", ["team:a"]),
    ("tsmem session list --user=team:", ["a"]),
]
"""Words that bash splits at : and =; what it is offered goes on behind the last of them."""


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash here")
@pytest.mark.parametrize(("line", "offered"), [*CASES[:1], CASES[4], *SPLIT, ("tsmem session get nobody ", [])])
def test_the_script_works_in_bash(filled: Cli, process: Processes, line: str, offered: list[str]) -> None:
    """Sourced by a real bash it fills COMPREPLY; with nothing to offer that stays empty."""
    filled.fill([Session("team:a", "trip:7"), Session("team:a", "trip:8")])
    command = process.folder / "tsmem"
    command.write_text(f'#!/bin/sh\nexec {shlex.join(process.argv())} "$@"\n')
    command.chmod(0o755)
    words = [part for word in line.split(" ") for part in re.split("([:=]+)", word) if part or not word]
    replaced = re.split("[:= ]", line)[-1]
    script = (
        f'eval "$({command} completion bash)"; COMP_WORDS=({shlex.join(words)}); COMP_CWORD={len(words) - 1}; '
        f"COMP_LINE={shlex.quote(line)}; _tsmem_completion {command} {shlex.quote(replaced)}; "
        f'echo "${{#COMPREPLY[@]}}"; printf "%s\\n" "${{COMPREPLY[@]}}"'
    )
    done = subprocess.run(["bash", "-c", script], env=process.environ, capture_output=True, text=True, check=True)
    count, *found = done.stdout.split()
    assert (int(count), found, done.stderr) == (len(offered), offered, "")


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_are_offered_the_same(filled: Cli, process: Processes, shell: str) -> None:
    """zsh and fish ask in their own way, and are told the same ids."""
    environ = {
        "_TSMEM_COMPLETE": f"complete_{shell}",
        "_TYPER_COMPLETE_ARGS": "tsmem session get ada ",
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
    }
    outcome = process.run(environ=environ)
    assert (outcome.code, outcome.err) == (0, "")
    assert all(f"s0000{n}" in outcome.text for n in range(3))
    assert "orphan" not in outcome.text


@pytest.mark.parametrize("trouble", ["no file", "damaged", "config", "profile", "tables"])
def test_trouble_is_silence(cli: Cli, offered_in_process: Offered, trouble: str) -> None:
    """No store, a damaged one, a broken profile file, an unknown profile, no tables: nothing is offered or said."""
    if trouble == "damaged":
        cli.database.parent.mkdir(parents=True)
        cli.database.write_bytes(b"\x00\xff" * 5_000)
    if trouble == "config":
        cli.config("x")
    if trouble == "tables":
        cli.ok("init-tables")
        cli.ok("drop-tables", "--yes")
    profile = "-p nowhere " if trouble == "profile" else ""
    assert offered_in_process(f"tsmem {profile}session get ") == []
    assert trouble != "no file" or not cli.database.exists()


def test_a_tablestore_profile_is_never_reached(cli: Cli, process: Processes) -> None:
    """Completion of ids runs no command and opens no connection."""
    cli.config(
        'default_profile = "prod"\n[profiles.prod]\nbackend = "tablestore"\nendpoint = "https://127.0.0.1:1"\n'
        f'instance = "i"\naccess_key_id = "cmd:touch {cli.folder}/ran"\n'
        f'access_key_secret = "cmd:touch {cli.folder}/ran"\n'
    )
    assert bash(process, "tsmem session get ") == []
    assert not (cli.folder / "ran").exists()


HOSTILE = [
    "a$(touch ran)", "a`touch ran`", "a\\", "b); touch ran; (x", "c\\", "a b", "a;touch ran", "a&", "a|b", "a>b", "a*",
    "a'b", 'a"b', "-rf", "a\tb", "~a", "a{b,c}", "a!b", "#a", ":a", "=a",
    "%self", "x\u3164y", "\u115f", "e\u0301", *(f"!{n}" for n in range(60)),
]  # fmt: skip


def test_ids_that_a_shell_would_run_are_not_offered(ready: Cli, process: Processes) -> None:
    """What a shell splits, expands or runs reaches no shell: neither bash's words nor the text that zsh evaluates."""
    ready.fill([Session(user, "s", 1) for user in [*HOSTILE, "plain", "退款", "user@example.com"]])

    assert bash(process, "tsmem session list --user ") == ["plain", "user@example.com", "退款"]
    assert bash(process, "tsmem session list --user ", PYTHONIOENCODING="latin-1") == ["plain", "user@example.com"]
    zsh = {"_TSMEM_COMPLETE": "complete_zsh", "_TYPER_COMPLETE_ARGS": "tsmem session list --user "}
    evaluated = process.run(environ=zsh).text
    assert "plain" in evaluated
    assert not any(text in evaluated for text in ("touch", "$", "`", ";", "\\", "&", "|"))
