from __future__ import annotations

from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from tsmem.render.result import Conversation, Options
from tsmem.render.sharing.html import shared_html
from tsmem.render.text import visible
from tsmem.store import Message, Metadata, Session

HOSTILE = st.text(st.sampled_from("ab \n<>&\"'/=;!-script{}"), max_size=40) | st.text(max_size=20)
TAGS = {"html", "head", "meta", "title", "style", "body", "h1", "p", "article", "h2", "small", "pre"}
TAGS |= {"details", "summary"}


class Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


@given(HOSTILE, st.sampled_from(["user", "tool", "x"]))
def test_stored_text_is_never_markup(text: str, role: str) -> None:
    name = text or "x"
    session = Session(name, name, 1, text, Metadata({"k": text}))
    page = Page()
    page.feed("\n".join(shared_html(Conversation(session, [Message(name, name, 1, role, text)]), Options())))
    page.close()

    assert page.tags <= TAGS
    assert page.attributes <= {"lang", "charset", "http-equiv", "content", "name", "class"}
    if text and text[0] not in "{[":
        assert visible(text, keep_newlines=True) in page.text


def test_the_page_forbids_scripts_and_loading() -> None:
    first = "\n".join(shared_html(Conversation(None, [Message("s", "m", 1)]), Options()))
    assert "Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\"" in first
