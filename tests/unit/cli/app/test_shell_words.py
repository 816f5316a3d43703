"""Words of command lines to be pasted, as real shells read them."""

from __future__ import annotations

import random
import shutil
import subprocess
from pathlib import Path

import pytest

from tsmem.cli.app.shell_words import quoted

SHELLS = {
    "bash": ("bash", "--norc", "--noprofile"),
    "bash that expands history": ("bash", "--norc", "--noprofile", "-o", "history", "-o", "histexpand"),
    "zsh": ("zsh", "-f"),
    "zsh with all its expansions": ("zsh", "-f", "-o", "extendedglob", "-o", "rcquotes", "-o", "magicequalsubst"),
    "dash": ("dash",),
    "fish": ("fish", "--no-config"),
}
"""Each reads a script from standard input."""
PIECES = (
    *"\\'\"`$!#%&*()[]{}<>?~=^|;:,@+-_./ azA0é漢😀\N{IDEOGRAPHIC SPACE}",
    *("\\'", '"; touch X #', "'; touch X #", "$(touch X)", "`touch X`", "$'\\x41'", "\\n", "\\\\"),
    *("=ls", "%self", "~root", "a=~", "!!", "{a,b}", "/*"),
)


def hostile_words() -> list[str]:
    """Return about 1,000 words, the same ones in each run."""
    draw = random.Random(23)
    made = ["".join(draw.choices(PIECES, k=draw.randint(1, 8))) for _ in range(900)]
    return ["", *PIECES, *(f"{piece}x" for piece in PIECES), *(f"x{piece}" for piece in PIECES), *made]


@pytest.mark.parametrize("shell", SHELLS)
def test_shells_read_a_quoted_word_as_that_word_and_run_nothing(shell: str, tmp_path: Path) -> None:
    argv = SHELLS[shell]
    if shutil.which(argv[0]) is None:
        pytest.skip(f"{argv[0]} is not installed")
    words = hostile_words()
    script = "".join(f"printf '%s\\0' {quoted(word)}\n" for word in words)
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path / "home"), "LC_ALL": "C.UTF-8"}

    done = subprocess.run(
        argv, input=script.encode(), capture_output=True, cwd=tmp_path, env=environ, check=True, timeout=60
    )

    assert words == done.stdout.decode().split("\0")[:-1]
    assert not (tmp_path / "X").exists()


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("/tmp/a-b_c.db", "/tmp/a-b_c.db"),
        ("a b", "'a b'"),
        ("it's", r"it\'s"),
        ("C:\\x y", r"C:\\'x y'"),
        ("%self", "'%self'"),
    ],
)
def test_a_word_is_quoted_only_if_a_shell_needs_it(word: str, text: str) -> None:
    assert text == quoted(word)


@pytest.mark.parametrize("word", ["a\nb", "\x1b[31m", "\x85", "é\u202e", "\x00", "\udcff"])
def test_control_characters_cannot_be_quoted(word: str) -> None:
    """bash, zsh and fish can write a control character, each in another way. dash cannot."""
    assert quoted(word) is None


def test_words_with_other_characters_cannot_be_quoted_for_an_ascii_terminal() -> None:
    assert quoted("é", unicode=False) is None
    assert quoted("e", unicode=False) == "e"
