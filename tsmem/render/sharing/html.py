"""A conversation as one HTML file: no script, nothing to load, every stored character escaped."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from tsmem.render.result import Conversation, Options
from tsmem.render.sharing.blocks import Block, facts_of, message_blocks, speaker, title_of
from tsmem.render.text import visible_id
from tsmem.render.transcript import left_out_words
from tsmem.render.values import iso_time

_STYLE = """
:root { color-scheme: light dark }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 50rem; margin: 2rem auto; padding: 0 1rem }
h2 { font-size: 1rem; margin: 1.5rem 0 .25rem }
small, .metadata, summary { color: GrayText; font-weight: normal }
p, pre { white-space: pre-wrap; overflow-wrap: anywhere; margin: .25rem 0 }
pre { padding: .5rem; border: 1px solid color-mix(in srgb, currentColor 20%, transparent); font-size: .85rem }
article { border-left: 4px solid GrayText; padding-left: .75rem }
.user { border-color: #2a8a3e } .assistant { border-color: #2477b3 } .system { border-color: #9b4f96 }
.tool { border-color: #b08900 }
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
"""The Content-Security-Policy: a browser runs and loads nothing, even if an escape were missing."""
_ROLES = ("user", "assistant", "system", "tool")


def shared_html(conversation: Conversation, options: Options) -> Iterator[str]:
    title = escape(title_of(conversation))
    yield "<!doctype html>"
    yield '<html lang="en"><head><meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
    yield '<meta name="viewport" content="width=device-width">'
    yield f"<title>{title}</title><style>{_STYLE}</style></head><body>"
    yield f"<h1>{title}</h1>"
    yield f'<p class="metadata">{escape(" · ".join(facts_of(conversation, options)))}</p>'
    for position, message in enumerate(conversation.messages):
        yield from _gap(conversation, position)
        role = message.role if message.role in _ROLES else "other"
        time = escape(iso_time(message.create_time, options.timezone))
        about = f"<small>{time} · {escape(visible_id(message.message_id))}</small>"
        yield f'<article class="{role}"><h2>{escape(speaker(message))} {about}</h2>'
        for block in message_blocks(message):
            yield _block(block)
        yield "</article>"
    yield from _gap(conversation, len(conversation.messages))
    yield "</body></html>"


def _gap(conversation: Conversation, position: int) -> Iterator[str]:
    if position in conversation.left_out:
        yield f'<p class="metadata">{left_out_words(conversation, position)}</p>'


def _block(block: Block) -> str:
    text = escape(block.text)
    if block.kind == "speech":
        return f"<p>{text}</p>"
    if block.kind == "metadata":
        return f'<p class="metadata">{text}</p>'
    shown = f"<pre>{text}</pre>"
    return shown if block.summary is None else f"<details><summary>{block.summary}</summary>{shown}</details>"
