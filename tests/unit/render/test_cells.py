"""Width of text: never less than on a terminal."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
import unicodedata
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsmem.render.cells import cut, fit, space_after, width, wrap
from tsmem.render.text import visible


@pytest.mark.parametrize(
    ("text", "cells"),
    [
        ("abc", 3),
        ("退款", 4),
        ("e\u0301", 1),
        ("का", 2),
        ("नमस्ते", 4),
        ("👍\U0001f3fd", 4),
        ("👩\u200d👧", 4),
        ("\u1100\u1161", 2),
        ("a\u302e\u3248", 5),
    ],
)
def test_width_is_that_of_the_widest_terminal(text: str, cells: int) -> None:
    assert cells == width(text)


@settings(deadline=None, max_examples=40)
@given(st.text(st.characters(exclude_categories=["Cn", "Cs"])), st.integers(4, 40))
def test_cut_fit_and_wrap_keep_to_the_width(text: str, room: int) -> None:
    text = visible(text)

    assert _cells(text) <= width(text)
    assert _cells(cut(text, room)) <= room
    assert _cells(fit(text, room, "…")) <= room
    assert max(map(_cells, wrap(text, room)), default=0) <= room


def _cells(text: str) -> int:
    kinds = [(unicodedata.category(character), character) for character in text]
    return sum(
        0 if kind in ("Mn", "Me") or character in "\u200c\u200d" or _is_jamo(character)
        else 2 if unicodedata.east_asian_width(character) in "WF" else 1
        for kind, character in kinds
    )  # fmt: skip


def _is_jamo(character: str) -> bool:
    """A vowel or final of Hangul, which stands in its syllable's cells."""
    return "\u1161" <= character <= "\u11ff" or "\ud7b0" <= character <= "\ud7ff"


@pytest.mark.parametrize("cells", range(5))
def test_space_after_right_to_left_text_has_another_direction(cells: int) -> None:
    assert " " * cells == space_after("退款 abc", cells)
    for text in ("שלום", "مرحبا", "٣", "\U0001e900", "a שלום b"):
        space = space_after(text, cells)
        assert cells == width(space)
        assert cells == 0 or "L" in map(unicodedata.bidirectional, space)


MEASURE = """
import os, re, sys, termios, tty
terminal = os.open("/dev/tty", os.O_RDWR)
tty.setraw(terminal, termios.TCSANOW)
with open(sys.argv[1], encoding="utf-8") as file:
    texts = file.read().split("\\n")
found = []
for text in texts:
    os.write(terminal, b"\\x1b[2K\\r" + text.encode() + b"\\x1b[6n")
    reply = b""
    while not reply.endswith(b"R"):
        reply += os.read(terminal, 100)
    found.append(str(int(re.search(rb";([0-9]+)R", reply)[1]) - 1))
with open(sys.argv[2] + ".part", "w") as file:
    file.write(" ".join(found))
os.rename(sys.argv[2] + ".part", sys.argv[2])
"""
"""Draws each line of a file, asks the terminal for its cursor, and writes the columns to another file."""


def test_no_character_is_wider_in_tmux_than_its_width(tmp_path: Path) -> None:
    """A sample of every width there is; by hand it was every character of Unicode (tmux 3.3a, glibc 2.36)."""
    texts = [text for character in _sample() if visible(text := f"a{character}") == text]

    found = _columns(texts, tmp_path)

    assert len(texts) > 1000
    assert [] == [text for text, columns in zip(texts, found, strict=True) if columns > width(text)]


def _sample() -> list[str]:
    """Every 97th character, and all near those that rich measures in another way."""
    ranges = ((0x300, 0x370), (0x600, 0x610), (0x302A, 0x3030), (0x3248, 0x3250), (0x4DC0, 0x4E00), (0x16FE0, 0x16FF8))
    near = [code for start, end in ranges for code in range(start, end)]
    codes = sorted({*near, *range(0xA0, 0xD800, 97), *range(0xE000, 0x20000, 97), *range(0x1F3F0, 0x1F410)})
    assert all(first < second for first, second in pairwise(codes))
    return list(map(chr, codes))


def _columns(texts: list[str], folder: Path) -> list[int]:
    """The column of the cursor behind each text."""
    if shutil.which("tmux") is None:
        pytest.skip("tmux is not installed")
    script, given, result = folder / "measure.py", folder / "texts", folder / "columns"
    script.write_text(MEASURE)
    given.write_text("\n".join(texts), encoding="utf-8")
    environ = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TERM": "xterm-256color"}
    tmux = ("tmux", "-S", str(folder / "socket"), "-f", "/dev/null")
    measure = shlex.join([sys.executable, str(script), str(given), str(result)])
    signalled = f"{measure}; {shlex.join(tmux)} wait-for -S measured"
    started = ("set", "-g", "exit-empty", "off", ";", "new-session", "-d", "-x", "80", "-y", "24", signalled)
    try:
        subprocess.run([*tmux, "start-server", ";", *started], env=environ, check=True, timeout=60)
        subprocess.run([*tmux, "wait-for", "measured"], env=environ, check=True, timeout=60)
    finally:
        subprocess.run([*tmux, "kill-server"], env=environ, check=False, timeout=60)
    return [int(column) for column in result.read_text().split()]
