"""No output and no written file contains a secret in any form, for every command, wherever a profile keeps its secrets
and whatever the service replies. The same holds after a bug in a command and after a mistake of the user.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from contextlib import closing
from itertools import cycle
from urllib.error import HTTPError

import pytest

from tests.cli.conftest import Cli, Offered, Processes
from tests.support.secrets import (
    COMMANDS,
    FLAGS,
    ROW,
    SECRETS,
    configure,
    forms_of,
    leaked_secrets,
    leaking_files,
    service,
    store_secrets,
)
from tests.support.serve_command import serve_command
from tsmem import open_store
from tsmem.adapters.redaction import HIDDEN, hide
from tsmem.adapters.tablestore.errors import service_error
from tsmem.adapters.tablestore.transport import safe_request_id
from tsmem.cli.app import main as running
from tsmem.cli.app.context import Context
from tsmem.cli.app.failure import report_failure
from tsmem.cli.commands.serve import ServerLog
from tsmem.cli.io.streams import Streams
from tsmem.profiles import load_profile
from tsmem.profiles.file import read_profiles
from tsmem.profiles.rules import WrittenProfile
from tsmem.server.http.auth import AccessKey
from tsmem.server.http.exchange import LogEntry
from tsmem.server.http.settings import Settings

ENVIRON = {
    "TABLESTORE_INSTANCE_NAME": "test",
    "TABLESTORE_ENDPOINT": "http://127.0.0.1:1",
    "TSMEM_SERVE_SECRET": SECRETS["access_key_secret"],
    **{f"TABLESTORE_{name.upper()}": secret for name, secret in SECRETS.items()},
}
SECRET = "hunter2-s3cr3t"
KEYS = {"access_key_id": "env:ID", "access_key_secret": "env:SECRET"}
SHOWERS = (
    "profile list", "profile show prod", "-p prod session list", "-p prod doctor", "profile set prod timeout=5",
    "profile use prod", "profile delete other",
)  # fmt: skip


ANSWERS = [
    ("plain", "echo"), ("plain", "url"), ("plain", "away"), ("plain", "another secret"),
    ("env", "echo"), ("env", "garbage"), ("file", "another secret"), ("file", "garbage"), ("cmd", "echo"),
]  # fmt: skip
"""The places where a profile keeps its secrets, and the replies of the service."""


def check(cli: Cli, kind: str, answer: str, runs: Iterable[tuple[str, tuple[str, ...]]]) -> None:
    """Run commands with flags. Check that no output, error, traceback or written file contains a secret."""
    said, environ = store_secrets(cli, kind)
    environ["TSMEM_SERVE_SECRET"] = SECRETS["access_key_secret"]
    with service(answer) as endpoint:
        for command, flags in runs:
            configure(cli, endpoint, said)
            outcome = cli(*flags, *command.split(), *COMMANDS[command], stdin=ROW, environ=environ)
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


def test_completion_shows_no_secret_and_connects_to_nothing(cli: Cli, offered: Offered) -> None:
    said, environ = store_secrets(cli, "plain")
    configure(cli, "https://127.0.0.1:1", {**said, "security_token": f"cmd:touch {cli.folder}/ran"})
    cli.environ |= environ
    for line in ("tsmem -p ", "tsmem profile show ", "tsmem -p prod session get ", "tsmem profile set prod "):
        assert [] == leaked_secrets("\n".join(offered(line))), line
    assert not (cli.folder / "ran").exists()


# After bugs and mistakes


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have each run end in a bug whose message repeats everything that the run holds."""
    run = running._run

    def breaks(call: Context, argv: list[str]) -> int:
        try:
            run(call, argv)
        finally:
            held = "profile" in vars(call)  # otherwise a plain secret was never read
            raise RuntimeError(call.environ, vars(call), list(SECRETS.values()) if held else None)

    monkeypatch.setattr(running, "_run", breaks)


@pytest.mark.usefixtures("broken")
def test_a_bug_in_any_command_shows_no_secret(cli: Cli) -> None:
    for flags, (command, arguments) in zip(cycle(FLAGS), COMMANDS.items(), strict=False):
        outcome = cli(*flags, *command.split(), *arguments, stdin=ROW, environ=ENVIRON)
        assert (1, True) == (outcome.code, HIDDEN in outcome.err), command
        assert "error: this is a bug in tsmem: RuntimeError\n" in outcome.err
        assert [] == leaked_secrets(outcome.text + outcome.err), command


@pytest.mark.usefixtures("broken")
@pytest.mark.parametrize("kind", ["plain", "env"])
def test_a_bug_before_a_connection_shows_no_secret(cli: Cli, kind: str) -> None:
    """A secret of the profile file is known once the file is read, before it is used."""
    said, environ = store_secrets(cli, kind)
    configure(cli, "http://127.0.0.1:1", said)
    for argv in (("profile", "show"), ("session", "list", "--limit", "-1"), ("doctor",)):
        outcome = cli(*argv, environ=environ)
        assert (1, True, []) == (outcome.code, HIDDEN in outcome.err, leaked_secrets(outcome.err)), argv


MISTAKES = [
    f'output = "{SECRET}"', f'timeout = "{SECRET}"', f'region = "{SECRET} "', f'instance = "{SECRET}."',
    f'endpoint = "https://user:{SECRET}@host"', f'endpoint = "https://host/?secret={SECRET}"',
    f'endpoint = "https://host/{SECRET}"', f'endpoint = "https://host:{SECRET}"', f'endpoint = "{SECRET}"',
    f'acces_key_secret = "{SECRET}"', f'tables.session.name = "{SECRET}"',
    f'tables.session.search_fields.topic = "{SECRET}"', f'tables = "{SECRET}"',
    f'tables.session.name = "s"  # {SECRET}\ntables.session.nam = "{SECRET}"',
    f'security_token = {{ value = "{SECRET}" }}', f'security_token = ["{SECRET}"]', f'security_token = "{SECRET}',
    f"security_token = {SECRET}", f"security_token = '{SECRET}' '{SECRET}'",
    f'security_token = "{SECRET}" # twice\nsecurity_token = "{SECRET}"', f'security_token = "{SECRET}\\n"',
    f'security_token = "{SECRET}\\u0007"', f'security_token = """{SECRET}\nmore"""', f'security_token = "{SECRET} \\q"',
    f'security_token = "{SECRET}\x01"', f'[profiles]\naccess_key_secret = "{SECRET}"',
]  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_errors_about_the_profile_file_repeat_no_value(cli: Cli, mistake: str) -> None:
    values = {"backend": "tablestore", "endpoint": "http://127.0.0.1:1", "instance": "i", "timeout": "0.2"}
    values |= {"access_key_id": "id-of-the-key", "access_key_secret": "any-secret"}
    lines = [f'{key} = "{value}"' for key, value in values.items() if key not in mistake]
    text = "\n".join(each.replace('"0.2"', "0.2") for each in lines)
    cli.config(f'[profiles.prod]\n{text}\n{mistake}\n[profiles.other]\nbackend = "local"\npath = "x"\n')
    for flags, line in zip(cycle(FLAGS), SHOWERS, strict=False):
        outcome = cli(*flags, *line.split())
        assert "s3cr3t" not in outcome.text + outcome.err, (line, flags)
        assert "bug" not in outcome.err


ASSIGNED = [
    "timeout={}", "output={}", "backend={}", "access_key_secret={}\udcff", "access_key_secret.value={}",
    "access_key_secret env:{}", "access_key_secret=env:{}", "endpoint=https://u:{}@h", "acces_key_secret={}",
    "access_key_secret{}", "access_key_secret={}\n", "={}", "a b={}", "a..b={}",
]  # fmt: skip
TYPED = [
    *(("profile", "set", "prod", each) for each in ASSIGNED),
    ("profile", "set", "access_key_secret={}"),
    ("profile", "set", "access_key_secret={}", "timeout=5"),
    ("profile", "set", "prod", "access_key_secret={}", "access_key_secret={}"),
    ("profile", "set", "local", "access_key_secret={}"),
    ("profile", "set", "prod", "backend=tablestore", "access_key_secret={}"),
    ("--secret", "{}", "session", "list"),
    ("--secret={}", "session", "list"),
]


@pytest.mark.parametrize("argv", TYPED)
def test_errors_about_the_command_line_repeat_no_value(cli: Cli, argv: tuple[str, ...]) -> None:
    """Any value may be a secret, and the error may land in a log that lasts."""
    for flags in FLAGS[1:3]:
        outcome = cli(*flags, *(word.format(SECRET) for word in argv))
        assert 2 == outcome.code
        assert "s3cr3t" not in outcome.text + outcome.err
        assert "bug" not in outcome.err


@pytest.mark.parametrize(
    ("endpoint", "instance"),
    [(f"https://user:{SECRET}@host", "i"), (f"https://host/?secret={SECRET}", "i"), ("https://host", f"{SECRET} .")],
)
def test_errors_about_the_environment_repeat_no_value(cli: Cli, endpoint: str, instance: str) -> None:
    environ = {**ENVIRON, "TABLESTORE_ENDPOINT": endpoint, "TABLESTORE_INSTANCE_NAME": instance}
    for flags, line in zip(FLAGS, ("session list", "profile show", "profile list", "doctor"), strict=True):
        outcome = cli(*flags, *line.split(), environ=environ)
        assert "s3cr3t" not in outcome.text + outcome.err
        assert [] == leaked_secrets(outcome.text + outcome.err)


@pytest.mark.parametrize("trouble", ["V4 signatures", "a command that fails", "a secret of two lines"])
def test_no_failing_command_shows_or_writes_a_secret(cli: Cli, trouble: str) -> None:
    said, environ = store_secrets(cli, "plain")
    (cli.folder / "kept" / "both").write_text(f"{SECRETS['access_key_secret']}\n{SECRETS['security_token']}\n")
    if trouble == "a command that fails":
        said["access_key_secret"] = f"cmd:sh -c 'cat {cli.folder}/kept/*; exit 3'"
    elif trouble == "a secret of two lines":
        said["security_token"] = f"file:{cli.folder}/kept/both"
    else:
        said["region"] = "cn-hangzhou"
    with service("echo") as endpoint:
        configure(cli, endpoint, said)
        for command in ("session list", "message put", "import", "copy", "doctor", "profile show"):
            words = (*command.split(), *COMMANDS[command])
            outcome = cli("--debug", *words, stdin=ROW, environ={**ENVIRON, **environ})
            assert [] == leaked_secrets(outcome.text + outcome.err), command
            assert "this is a bug" not in outcome.err, command
    assert [] == leaking_files(cli)


def test_a_secret_that_cannot_be_sent_is_not_shown(cli: Cli) -> None:
    configure(cli, "http://127.0.0.1:1", {**KEYS, "security_token": "env:TOKEN"})
    environ = {"ID": "id", "SECRET": "the-secret", "TOKEN": "hunter2-Ω-s3cr3t"}
    outcome = cli("--debug", "-p", "prod", "session", "list", environ=environ)
    assert 2 == outcome.code
    assert "contains a character that cannot be sent in a request" in outcome.err
    assert "s3cr3t" not in outcome.err


def test_a_secret_in_any_script_signs_requests_and_is_not_shown(cli: Cli) -> None:
    """The secret itself is never sent, so any printable character is allowed."""
    configure(cli, "http://127.0.0.1:1", KEYS)
    environ = {"ID": "id", "SECRET": "hunter2 Ω s3cr3t"}
    outcome = cli("--debug", "-p", "prod", "session", "list", environ=environ)
    assert 6 == outcome.code
    assert "s3cr3t" not in outcome.err


@pytest.mark.parametrize("form", [*forms_of(SECRETS["access_key_secret"])])
def test_errors_of_single_rows_show_no_secret(form: str) -> None:
    hide(SECRETS.values())
    error = service_error(f"OTS{form}", f"row of {form} refused")
    assert f"row of {HIDDEN} refused" == error.message
    assert f"OTS{HIDDEN}" == error.service_code
    assert [] == leaked_secrets(safe_request_id(f"id-{form}-1") or "")


def test_no_repr_shows_a_secret(cli: Cli) -> None:
    said, environ = store_secrets(cli, "plain")
    configure(cli, "http://127.0.0.1:1", said)
    environ = {**cli.environ, **environ}
    file = read_profiles(environ)
    profile = load_profile(environ)
    with open_store(environ=environ, clock=cli.clock) as store:
        objects = [
            profile, file, store,
            WrittenProfile("prod", environ, {"access_key_secret": SECRETS["access_key_secret"]}, file),
            profile.credentials(), profile.access_key_secret, store.tables,
            Settings(credentials=AccessKey("id", SECRETS["access_key_secret"])),
        ]  # fmt: skip
        for each in [*objects, objects, {"a": tuple(objects)}]:
            for text in (repr(each), str(each), f"{each}"):
                assert [] == leaked_secrets(text)


def test_the_log_of_serve_shows_no_secret(process: Processes) -> None:
    secret = SECRETS["access_key_secret"]
    flags = ("--memory", "--access-key-id", "me", "--log", "--debug")
    with serve_command(process, *flags, TSMEM_SERVE_SECRET=secret) as server:
        assert b"" == server.ask(key="me", secret=secret)
        for key, tried in (("me", "another"), (secret.replace('"', ""), secret)):
            with pytest.raises(HTTPError) as caught:
                server.ask(key=key, secret=tried)
            with caught.value as reply:
                assert (403, []) == (reply.code, leaked_secrets(reply.read().decode(errors="replace")))
        code, out, err = server.stop()
    assert (0, []) == (code, leaked_secrets(out.decode() + err))
    assert "TABLESTORE_ACCESS_KEY_ID=me" in err


@pytest.mark.parametrize(
    "variable", ["TABLESTORE_ACCESS_KEY_SECRET", "TABLESTORE_SECURITY_TOKEN", "TSMEM_SERVE_SECRET"]
)
def test_a_traceback_hides_a_secret_that_the_profile_does_not_use(cli: Cli, variable: str) -> None:
    stderr = io.BytesIO()
    call = Context(Streams(io.BytesIO(), io.BytesIO(), stderr), {**cli.environ, variable: SECRET}, cli.clock)
    report_failure(call, RuntimeError(f"refused: {SECRET}"), [])
    said = stderr.getvalue().decode()

    assert [] == leaked_secrets(said)
    assert f"RuntimeError: refused: {HIDDEN}" in said


def test_a_failure_in_serve_shows_no_secret(cli: Cli) -> None:
    hide(SECRETS.values())
    stderr = io.BytesIO()
    call = Context(Streams(io.BytesIO(), io.BytesIO(), stderr), cli.environ, cli.clock)
    call.options.debug = True
    with closing(ServerLog(call, each_request=True)) as log:
        log.start()
        failure = RuntimeError(SECRETS, {"x-ots-signature": "c2lnbmF0dXJl"})
        log.add_request(LogEntry(0, "id", status=500, failure=failure))
    said = stderr.getvalue().decode()

    assert [] == leaked_secrets(said)
    assert "c2lnbmF0dXJl" not in said
    assert 2 == said.count("RuntimeError")
