"""Formats of imported files. Each turns JSON values into sessions and messages.

`tsmem.py` reads tsmem's own export. Every other format is one module, such as `openai.py`, with a function that returns
a JSON value as a conversation in the OpenAI shape, an object with a list of `messages`. To add one, write its module,
name it in `ImportFormat`, list its function in `records.py`, and delete its lines in `shapes.py`, which names the
formats that cannot be read. `conversations.py` and `message_times.py` are the same for all of them.
"""

from __future__ import annotations

from typing import Literal, get_args

ImportFormat = Literal["tsmem", "openai"]
FORMATS: tuple[ImportFormat, ...] = get_args(ImportFormat)
