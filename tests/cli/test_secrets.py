"""No secret reaches an output: not what is shown, not what went wrong, not a traceback."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Cli, Outcome

SECRET = "hunter2-Ω-s3cr3t"
COMMANDS = [
    ("profile", "list"),
    ("profile", "show"),
    ("profile", "show", "prod"),
    ("profile", "path"),
    ("-p", "prod", "session", "list"),
    ("-p", "prod", "session", "list", "--debug"),
    ("-p", "prod", "init-tables", "--debug"),
    ("-p", "prod", "drop-tables", "--yes", "--debug"),
    ("-p", "prod", "session", "purge", "--everyone", "--yes", "--debug"),
    ("profile", "set", "prod", "timeout=x"),
    ("profile", "set", "prod", "timeout=5"),
    ("profile", "set", "prod", "acces_key_secret=" + SECRET),
    ("profile", "set", "prod", "access_key_secret" + SECRET),
    ("profile", "set", "prod", "access_key_secret=" + SECRET + "\n"),
    ("profile", "set", "prod", "access_key_secret=" + SECRET, "access_key_secret=" + SECRET),
    ("profile", "set", "new", "access_key_secret=" + SECRET),
    ("profile", "set", "local", "access_key_secret=" + SECRET),
    ("profile", "set", "prod", "backend=tablestore", "access_key_secret=" + SECRET),
    ("--access-key-secret=" + SECRET, "session", "list"),
    ("profile", "show", "--access-key-secret=" + SECRET),
    ("profile", "use", "prod"),
    ("profile", "delete", "prod"),
]


def profile(cli: Cli, secret: str = SECRET) -> None:
    """A TableStore profile with its secrets written plainly."""
    cli.config(
        'default_profile = "prod"\n[profiles.prod]\nbackend = "tablestore"\nendpoint = "https://127.0.0.1:1"\n'
        f'instance = "i"\naccess_key_id = "{secret}"\naccess_key_secret = "{secret}"\nsecurity_token = "{secret}"\n'
    )


def said(outcome: Outcome) -> str:
    """Everything that was said."""
    return outcome.text + outcome.err


@pytest.mark.parametrize("argv", COMMANDS, ids=lambda argv: " ".join(argv).replace(SECRET, "SECRET")[:60].strip())
@pytest.mark.parametrize("output", ["table", "json"])
def test_a_plain_secret_is_never_shown(cli: Cli, argv: tuple[str, ...], output: str) -> None:
    """Whatever is asked, and however it fails."""
    profile(cli)
    everything = said(cli("-o", output, *argv)) + said(cli("-o", output, *argv, width=80))
    assert SECRET not in everything
    assert "s3cr3t" not in everything
    assert "this is a bug" not in everything


@pytest.mark.parametrize(
    "broken",
    [
        f'[profiles.prod]\naccess_key_secret = "{SECRET}\n',
        f"[profiles.prod]\naccess_key_secret = {SECRET}\n",
        f'[profiles.prod]\naccess_key_secret = ["{SECRET}"]\n',
        f'[profiles.prod]\nbackend = "tablestore"\nacess_key_secret = "{SECRET}"\n',
        f'[profiles.prod]\naccess_key_secret = "{SECRET}"\naccess_key_secret = "{SECRET}"\n',
        f'access_key_secret = "{SECRET}"\n',
        f'[profiles]\naccess_key_secret = "{SECRET}"\n',
    ],
)
def test_a_broken_profile_file_does_not_show_the_secret_in_it(cli: Cli, broken: str) -> None:
    """Errors name the place, and never quote a value."""
    cli.config(broken)
    for argv in (("-p", "prod", "session", "list"), ("profile", "list"), ("-p", "prod", "profile", "show", "--debug")):
        outcome = cli(*argv)
        assert SECRET not in said(outcome)
        assert "s3cr3t" not in said(outcome)


def test_references_are_shown_and_not_followed(cli: Cli) -> None:
    """env:, file: and cmd: are what show prints; showing neither reads the file nor runs the command."""
    (cli.folder / "secret").write_text(SECRET)
    cli.config(
        '[profiles.prod]\nbackend = "tablestore"\nendpoint = "https://127.0.0.1:1"\ninstance = "i"\n'
        f'access_key_id = "env:KEY_ID"\naccess_key_secret = "file:{cli.folder}/secret"\n'
        f'security_token = "cmd:touch {cli.folder}/ran"\n'
    )
    outcome = cli("profile", "show", "prod", environ={"KEY_ID": SECRET})
    assert "env:KEY_ID" in outcome.text
    assert "cmd:touch" in outcome.text
    assert SECRET not in said(outcome)
    assert not (cli.folder / "ran").exists()


def test_the_environments_profile_shows_no_secret(cli: Cli) -> None:
    """The built-in profile `env` hides what TABLESTORE_ACCESS_KEY_SECRET holds."""
    environ = {
        "TABLESTORE_ENDPOINT": "https://127.0.0.1:1",
        "TABLESTORE_INSTANCE_NAME": "i",
        "TABLESTORE_ACCESS_KEY_ID": SECRET,
        "TABLESTORE_ACCESS_KEY_SECRET": SECRET,
    }
    for argv in (("profile", "show"), ("profile", "list"), ("session", "list", "--debug")):
        assert SECRET not in said(cli(*argv, environ=environ))
