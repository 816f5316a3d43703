"""The formats of imported files. Their modules turn JSON values into sessions and messages.

`tsmem.py` reads tsmem's own export, and writes it. Each other format has a module such as `openai.py`, whose function
returns a JSON value as a conversation in the OpenAI shape, an object with a list of `messages`; `conversations.py` and
`message_times.py` then make the session and messages. `shapes.py` recognises formats that cannot be imported.
"""

from __future__ import annotations

from typing import Literal, get_args

ImportFormat = Literal["tsmem", "openai"]
FORMATS: tuple[ImportFormat, ...] = get_args(ImportFormat)
