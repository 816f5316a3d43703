"""Formats of imported files. Each turns JSON values into sessions and messages.

`tsmem.py` reads tsmem's own export. Every other format is a conversation format: one module with a function that checks
a JSON value and returns the conversation in the OpenAI shape, an object with a list of `messages`. `openai.py` is the
first one. To add a format, write its module, name it in `ImportFormat`, and list its function in `records.py`.
`conversations.py` (ids, metadata, rows) and `message_times.py` are the same for all of them. `shapes.py` recognises the
formats that cannot be read yet, for error messages: a format that gets a module loses its lines there.
"""

from __future__ import annotations

from typing import Literal, get_args

ImportFormat = Literal["tsmem", "openai"]
FORMATS: tuple[ImportFormat, ...] = get_args(ImportFormat)
