"""Random mutations of bytes."""

from __future__ import annotations

import random


def mutate(data: bytes, draw: random.Random) -> bytes:
    """Return the bytes with one, two or four random changes: bytes replaced, removed or inserted, or the end cut
    off."""
    changed = bytearray(data)
    for _ in range(draw.choice((1, 1, 2, 4))):
        at = draw.randrange(len(changed) + 1)
        kind = draw.random()
        if kind < 0.6 and at < len(changed):
            changed[at] = draw.choice((draw.randrange(256), changed[at] ^ 1 << draw.randrange(8), 0, 255))
        elif kind < 0.75:
            changed[at : at + draw.choice((1, 4))] = b""
        elif kind < 0.9:
            changed[at:at] = draw.randbytes(draw.choice((1, 4)))
        else:
            del changed[at:]
    return bytes(changed)
