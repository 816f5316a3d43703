"""Completion offers commands, options and ids of the local store to a shell, or nothing at all."""

from __future__ import annotations

import os
import re
import shlex
import shutil

import pytest
from typer.core import TyperOption

from tests.cli.conftest import Cli, Offered, Processes, asked_by_bash, completed, messages, sessions
from tests.support.commands import declarations, params_of
from tsmem.store import Message, Metadata, Session


@pytest.fixture
def filled(ready: Cli) -> Cli:
    said = [*messages(1, "s00001"), *messages(1, "orphan")]
    ready.fill([*sessions(3), *sessions(1, "bob"), Session("x\ny", "s"), *said])
    return ready


CASES = [
    ("tsmem ses", ["session"]), ("tsmem session re", ["recent"]), ("tsmem session list --us", ["--user"]),
    ("tsmem session get a", ["ada"]), ("tsmem session get ada s0000", ["s00000", "s00001", "s00002"]),
    ("tsmem session get bob ", ["s00000"]), ("tsmem session list --user b", ["bob"]),
    ("tsmem -o json session recent --user ", ["ada", "bob"]), ("tsmem show ", ["orphan", "s00001"]),
    ("tsmem message list --session o", ["orphan"]), ("tsmem message get s", ["s00001"]),
    ("tsmem message get s00001 ", ["m00000"]), ("tsmem message update orphan m", ["m00000"]),
    ("tsmem message delete s00001 x", []), ("tsmem show s00001 --user a", ["ada"]), ("tsmem session get nobody ", []),
    ("tsmem session list -o j", ["json", "jsonl"]),
    ("tsmem message list --session s00001 --role ", ["user", "assistant", "system", "tool"]),
    ("tsmem import chats.jsonl --format o", ["openai"]), ("tsmem import chats.jsonl --on-conflict s", ["skip"]),
    ("tsmem message search tea --sort ", ["newest", "score"]), ("tsmem help e", ["exit-codes"]),
    ("tsmem completion ", ["bash", "zsh", "fish"]),
]  # fmt: skip


def test_bash_is_offered_commands_options_and_ids(filled: Cli, offered: Offered) -> None:
    assert dict(CASES) == {line: offered(line) for line, _ in CASES}


@pytest.mark.parametrize("line", ["tsmem session get a", "tsmem -p "])
def test_completion_does_not_wait_for_a_profile_file_that_is_a_pipe(filled: Cli, offered: Offered, line: str) -> None:
    """Nobody writes to the pipe, so the shell would hang."""
    os.mkfifo(filled.folder / "profiles")
    filled.environ["TSMEM_CONFIG"] = str(filled.folder / "profiles")

    assert [] == offered(line)


@pytest.mark.parametrize(
    "line",
    ["-p ", "session list --profile ", "profile show ", "profile use ", "copy --from ", "copy --from prod --to "],
)
def test_profiles_are_offered_by_name(cli: Cli, offered: Offered, line: str) -> None:
    cli.config(
        '[profiles.prod]\nbackend = "tablestore"\n[profiles."$(touch ran)"]\n[profiles.work]\nbackend = "local"\n'
        f'path = "w.db"\n[profiles.cloud]\nbackend = "tablestore"\naccess_key_secret = "cmd:touch {cli.folder}/ran"\n'
    )
    assert ["prod", "work", "cloud", "local"] == offered(f"tsmem {line}")
    assert ["prod"] == offered(f"tsmem {line}p")
    assert not (cli.folder / "ran").exists()
    cli.config("x")
    assert [] == offered(f"tsmem {line}")


SPLIT = [
    ("tsmem session get team:a tr", ["trip:7", "trip:8"]),
    ("tsmem session get team:a trip:", ["7", "8"]),
    ("tsmem session get team:a  trip:8", ["8"]),
    ("tsmem session list --user=te", ["team:a"]),
    ("tsmem session list --user=team:", ["a"]),
]
"""Lines whose words bash splits at : and =, and the rest of a word that it is offered after the last of them."""


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash here")
def test_the_script_works_in_bash(filled: Cli, process: Processes) -> None:
    filled.fill([Session("team:a", "trip:7"), Session("team:a", "trip:8")])
    command = process.folder / "tsmem"
    command.write_text(f'#!/bin/sh\nexec {shlex.join(process.argv())} "$@"\n')
    command.chmod(0o755)
    expected = [*SPLIT, ("tsmem session get nobody ", [])]
    script = [f'eval "$({command} completion bash)"']
    for line, _ in expected:
        words = [part for word in line.split(" ") for part in re.split("([:=]+)", word) if part or not word]
        script += [
            f"COMP_WORDS=({shlex.join(words)}); COMP_CWORD={len(words) - 1}; COMP_LINE={shlex.quote(line)}",
            f"_tsmem_completion {command} {shlex.quote(re.split('[:= ]', line)[-1])}",
            'echo "${COMPREPLY[*]}"',
        ]
    done = process.shell(f"exec bash -c {shlex.quote(chr(10).join(script))}")
    assert ("".join(f"{' '.join(found)}\n" for _, found in expected), "") == (done.text, done.err)


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_are_offered_the_same(
    filled: Cli, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], shell: str
) -> None:
    asked = {"_TSMEM_COMPLETE": f"complete_{shell}", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    text = "\n".join(completed(filled, monkeypatch, capfd, **asked, _TYPER_COMPLETE_ARGS="tsmem session get ada "))
    assert all(f"s0000{n}" in text for n in range(3))
    assert "orphan" not in text


@pytest.mark.parametrize("trouble", ["no file", "damaged", "config", "profile", "tables"])
def test_completion_offers_nothing_and_prints_nothing_on_errors(cli: Cli, offered: Offered, trouble: str) -> None:
    if trouble == "damaged":
        cli.use(b"\x00\xff" * 5_000)
    if trouble == "config":
        cli.config("x")
    if trouble == "tables":
        cli.ok("init-tables")
        cli.ok("drop-tables", "--yes")
    chosen = "-p nowhere " if trouble == "profile" else ""
    assert offered(f"tsmem {chosen}session get ") == []
    assert trouble != "no file" or not cli.database.exists()


HOSTILE = [
    "a$(touch ran)", "a`touch ran`", "a\\", "b); touch ran; (x", "c\\", "a b", "a;touch ran", "a&", "a|b", "a>b", "a*",
    "a'b", 'a"b', "-rf", "a\tb", "~a", "a{b,c}", "a!b", "#a", ":a", "=a",
    "%self", "x\u3164y", "\u115f", "e\u0301", *(f"!{n}" for n in range(60)),
]  # fmt: skip


def test_ids_that_a_shell_would_run_are_not_offered(
    ready: Cli, offered: Offered, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    ready.fill([Session(user, "s", 1) for user in [*HOSTILE, "plain", "退款", "user@example.com"]])
    line = "tsmem session list --user "

    assert offered(line) == ["plain", "user@example.com", "退款"]
    evaluated = completed(ready, monkeypatch, capfd, _TSMEM_COMPLETE="complete_zsh", _TYPER_COMPLETE_ARGS=line)
    assert "plain" in "".join(evaluated)
    assert not any(text in "".join(evaluated) for text in ("touch", "$", "`", ";", "\\", "&", "|"))


def test_ids_that_the_output_cannot_encode_are_not_offered(ready: Cli, process: Processes) -> None:
    ready.fill([Session("plain", "s", 1), Session("退款", "s", 1)])

    asked = asked_by_bash("tsmem session list --user ")
    assert ["plain"] == process.run(environ={**asked, "PYTHONIOENCODING": "latin-1"}).text.split()


NAMES = [
    ("message list --fields ro", ["role"]),
    ("message list --fields role,c", ["role,create_time", "role,content"]),
    ("session list --fields u", ["user_id", "update_time"]),
    ("session list --fields topic,metadata.", ["topic,metadata.topic", "topic,metadata.total"]),
    ("session recent --fields t", ["title"]),
    ("doctor --fields r", []),
    ("session list --filter to", ["topic", "total"]),
    ("session list --filter metadata.to", ["metadata.topic", "metadata.total"]),
    ("session list --user bob --filter to", ["total"]),
    ("session list --filter u", ["user_id", "update_time"]),
    ("message purge --filter r", ["role", "rank"]),
    ("search x --filter ra", ["rank"]),
    ("session recent --since y", ["yesterday"]),
    ("session purge --until t", ["today", "tuesday", "thursday"]),
    ("message list --order d", ["desc"]),
    ("session list --color n", ["never"]),
    ("session list -o h", []),
    ("show s -o h", ["html"]),
]


@pytest.fixture
def described(ready: Cli) -> Cli:
    """A store with metadata, also under names that no expression can have."""
    odd = Metadata({"topic": "x", "from": "x", "a b": "x", "$(ls)": "x"})
    rows = [Session("ada", "s", 1, None, odd), Session("bob", "s", 1, None, Metadata({"total": 3}))]
    ready.fill([*rows, Message("s", "m", 1, "user", "x", metadata=Metadata({"rank": 1}))])
    return ready


def test_names_of_fields_times_and_choices_are_offered(described: Cli, offered: Offered) -> None:
    assert dict(NAMES) == {words: offered(f"tsmem {words}") for words, _ in NAMES}


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("", ["user_id", "session_id", "update_time", "search_content", "topic", "total"]),
        ("not to", ["not topic", "not total"]),
        ('topic == "x" and (to', ['topic == "x" and (topic', 'topic == "x" and (total']),
        ('topic == "to', []),
        ("topic == ", []),
        ("topic == 5", []),
    ],
)
def test_the_last_name_of_a_filter_is_completed(
    described: Cli, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], typed: str, expected: list[str]
) -> None:
    line = ["tsmem", "session", "list", "--filter", typed]
    asked = {"_TSMEM_COMPLETE": "complete_bash", "COMP_WORDS": shlex.join(line), "COMP_CWORD": "4"}
    assert expected == completed(described, monkeypatch, capfd, **asked)


def test_names_in_filters_and_fields_never_reach_tablestore(cli: Cli, offered: Offered) -> None:
    cli.config(
        '[profiles.cloud]\nbackend = "tablestore"\nendpoint = "http://127.0.0.1:1"\ninstance = "i"\n'
        f'access_key_id = "k"\naccess_key_secret = "cmd:touch {cli.folder}/ran"\n'
    )
    assert ["user_id", "update_time"] == offered("tsmem -p cloud session list --filter u")
    assert ["user_id", "update_time"] == offered("tsmem -p cloud session list --fields u")
    assert not (cli.folder / "ran").exists()


def test_an_option_completes_file_names_if_its_value_is_named_file(cli: Cli, offered: Offered) -> None:
    options = {
        f"{name} {param.opts[0]}": param.metavar
        for name in declarations()
        for param in params_of(name)
        if isinstance(param, TyperOption) and not param.is_flag
    }
    with_file = [option for option, metavar in options.items() if metavar == "FILE"]
    assert with_file == [option for option in options if ["x<FILE>"] == offered(f"tsmem {option} x")]
