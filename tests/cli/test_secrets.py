"""No output and no written file contains a secret in any form, for every command, wherever a profile keeps its secrets
and whatever the service replies.
"""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from tests.cli.conftest import Cli, Offered
from tests.support.secrets import (
    COMMANDS,
    FLAGS,
    ROW,
    SECRETS,
    configure,
    leaked_secrets,
    leaking_files,
    service,
    store_secrets,
)

ANSWERS = [
    ("plain", "echo"), ("plain", "url"), ("plain", "away"), ("plain", "another secret"),
    ("env", "echo"), ("env", "garbage"), ("file", "another secret"), ("file", "garbage"), ("cmd", "echo"),
]  # fmt: skip
"""The places where a profile keeps its secrets, and the replies of the service."""
ENVIRON = {"TSMEM_SERVE_SECRET": SECRETS["access_key_secret"]}


def check(cli: Cli, kind: str, answer: str, runs: Iterable[tuple[str, tuple[str, ...]]]) -> None:
    """Run commands with flags. Check that no output, error, traceback or written file contains a secret."""
    said, environ = store_secrets(cli, kind)
    with service(answer) as endpoint:
        for command, flags in runs:
            configure(cli, endpoint, said)
            outcome = cli(*flags, *command.split(), *COMMANDS[command], stdin=ROW, environ={**environ, **ENVIRON})
            assert [] == leaked_secrets(outcome.text + outcome.err), (command, flags)
            assert "this is a bug" not in outcome.err, (command, flags)
            if answer == "well" and not flags and command != "serve":
                assert outcome.code in (0, 3, 4), (command, outcome.err)
    assert [] == leaking_files(cli)


def test_no_successful_command_shows_or_writes_a_secret(cli: Cli) -> None:
    check(cli, "plain", "well", [(command, ()) for command in COMMANDS])


@pytest.mark.parametrize(("place", "kind", "answer"), [(place, *each) for place, each in enumerate(ANSWERS)])
def test_no_command_shows_or_writes_a_secret(cli: Cli, place: int, kind: str, answer: str) -> None:
    """Each command meets a third of the replies, each time with other flags."""
    runs = [
        (command, FLAGS[2] if kind == "cmd" else FLAGS[(number + place) // 3 % len(FLAGS)])
        for number, command in enumerate(COMMANDS)
        if (number + place) % 3 == 0
    ]
    check(cli, kind, answer, runs)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "answer"), [("plain", "well"), *ANSWERS])
def test_no_command_shows_or_writes_a_secret_with_any_flags(cli: Cli, kind: str, answer: str) -> None:
    flags = FLAGS if kind != "cmd" else FLAGS[2:3]
    check(cli, kind, answer, [(command, each) for command in COMMANDS for each in flags])


def test_profile_show_prints_secret_references_without_resolving_them(cli: Cli) -> None:
    (cli.folder / "secret").write_text("hunter2-s3cr3t")
    cli.config(
        '[profiles.prod]\nbackend = "tablestore"\nendpoint = "https://127.0.0.1:1"\ninstance = "i"\n'
        f'access_key_id = "env:KEY_ID"\naccess_key_secret = "file:{cli.folder}/secret"\n'
        f'security_token = "cmd:touch {cli.folder}/ran"\n'
    )
    outcome = cli("profile", "show", "prod", environ={"KEY_ID": "hunter2-s3cr3t"})
    assert "env:KEY_ID" in outcome.text
    assert "cmd:touch" in outcome.text
    assert "s3cr3t" not in outcome.text + outcome.err
    assert not (cli.folder / "ran").exists()


@pytest.mark.parametrize("secret", ["hunter2", "pa55"])
def test_a_short_secret_is_hidden_if_it_stands_alone(cli: Cli, monkeypatch: pytest.MonkeyPatch, secret: str) -> None:
    """This holds if a service repeats it and in a traceback."""
    monkeypatch.setitem(SECRETS, "access_key_secret", secret)
    said, environ = store_secrets(cli, "plain")
    with service("echo") as endpoint:
        configure(cli, endpoint, said)
        outcome = cli("--debug", "session", "list", environ=environ)
    assert outcome.code == 6
    assert secret not in outcome.text + outcome.err


def test_completion_shows_no_secret(cli: Cli, offered: Offered) -> None:
    said, environ = store_secrets(cli, "plain")
    configure(cli, "https://127.0.0.1:1", {**said, "security_token": f"cmd:touch {cli.folder}/ran"})
    cli.environ |= environ
    for line in ("tsmem -p ", "tsmem profile show ", "tsmem -p prod session get ", "tsmem profile set prod "):
        assert [] == leaked_secrets("\n".join(offered(line))), line
    assert not (cli.folder / "ran").exists()
