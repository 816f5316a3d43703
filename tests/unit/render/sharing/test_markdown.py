from __future__ import annotations

import re
from html import unescape

from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from tsmem.render.result import Conversation, Options
from tsmem.render.sharing.blocks import MAX_OPEN_LINES
from tsmem.render.sharing.markdown import shared_markdown
from tsmem.render.text import visible
from tsmem.render.transcript import FOLDED_ROLES
from tsmem.store import Message, Metadata

HOSTILE = st.text(st.sampled_from("ab \n\\`*_[]()#+-.!|~<>&@$=12:/\"'\t&;x退"), max_size=60) | st.text(max_size=20)
PARSER = MarkdownIt("gfm-like", {"html": True, "linkify": False})


def shared(*messages: Message) -> str:
    return "\n".join(shared_markdown(Conversation(None, messages), Options()))


@given(HOSTILE.filter(lambda text: text.strip() != "" and text[:1] not in "{["))
def test_speech_is_drawn_as_it_was_said_whatever_markup_it_has(text: str) -> None:
    html = PARSER.render(shared(Message("s", "m", 1, "user", text)))
    tags = set(re.findall(r"<([^ >/]+)", html))
    (quoted,) = re.findall(r"<blockquote>(.*)</blockquote>", html, re.DOTALL)
    drawn = unescape(re.sub(r"<[^>]*>", "", quoted)).replace("\xa0", " ")

    assert tags <= {"h1", "h2", "p", "blockquote", "br"}
    assert [line.strip() for line in drawn.split("\n") if line.strip()] == [
        line.strip() for line in visible(text, keep_newlines=True).replace("\xa0", " ").split("\n") if line.strip()
    ]


@given(HOSTILE.filter(lambda text: text not in FOLDED_ROLES))
def test_ids_and_roles_cannot_forge_a_heading_or_a_message(text: str) -> None:
    name = text or "x"
    html = PARSER.render(shared(Message(name, name, 1, name, "hi"), Message(name, "m", 2, "tool", "hi")))
    assert (html.count("<h1>"), html.count("<h2>"), html.count("<blockquote>")) == (1, 2, 1)


def test_code_cannot_end_its_fence() -> None:
    html = PARSER.render(shared(Message("s", "m", 1, "tool", "before\n````\n# forged\n")))
    assert (html.count("<pre>"), html.count("<h1>")) == (1, 1)


def test_long_tool_output_is_folded_and_long_speech_is_not() -> None:
    long = "\n".join(["line"] * (MAX_OPEN_LINES + 1))
    assert "<details><summary>text, 64 bytes</summary>" in shared(Message("s", "m", 1, "tool", long))
    assert "<details>" not in shared(Message("s", "m", 1, "assistant", long))


def test_tool_calls_are_code_and_other_metadata_a_line() -> None:
    calls = '[{"function": {"name": "look_up", "arguments": "{\\"id\\": \\"7*\\"}"}}]'
    text = shared(Message("s", "m", 1, "assistant", None, None, Metadata({"tool_calls": calls, "n_o": 1})))
    assert text.endswith('```python\nlook_up(id="7*")\n```\n\nn\\_o=1')
