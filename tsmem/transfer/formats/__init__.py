"""The formats of imported files. `records.py` picks the module of a format, which turns JSON values into sessions and
messages.

`tsmem.py` reads tsmem's own export. Each other format is a module such as `openai.py`, whose function returns a JSON
value as a conversation in the OpenAI shape, an object with a list of `messages`; `conversations.py` and
`message_times.py` then make the session and messages. `shapes.py` recognises formats that cannot be imported.

To add a format, write its module, name it in `ImportFormat`, list its function in `records.py`, and delete its lines in
`shapes.py`.
"""

from __future__ import annotations

from typing import Literal, get_args

ImportFormat = Literal["tsmem", "openai"]
FORMATS: tuple[ImportFormat, ...] = get_args(ImportFormat)
