"""What `session put` and `message put` share: at a terminal nothing is replaced without a question.

In a script `put_item` is one request, and overwrites as it is documented.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tsmem.errors import AlreadyExists
from tsmem.plurals import quantity

if TYPE_CHECKING:
    from tsmem.cli.app.context import Context
    from tsmem.rows import Value
    from tsmem.store.collection import Collection
    from tsmem.store.model import Item

_KEPT = ("user_id", "session_id", "message_id", "create_time", "update_time", "metadata")
"""Fields that are the key, that every put sets, or that are looked at by themselves."""
_MAX_SHOWN = 200
"""Characters of the values that are named in the question."""


def put_item(context: Context, items: Collection[Item], item: Item, *, if_absent: bool, yes: bool) -> bool:
    """Write an item, and return False if someone at a terminal does not want to replace the one that exists.

    Cost: 1 request; at a terminal 2 more where the item exists. Raises AlreadyExists with `if_absent`."""
    if if_absent or yes or not context.can_ask:
        items.put(item, if_absent=if_absent)
        return True
    try:
        items.put(item, if_absent=True)
        return True
    except AlreadyExists:
        old = items.stored(item)
    lost = {} if old is None else lost_values(old, item)
    if lost and not context.sure(False, lambda: _question(items.name_of(item), lost)):
        return False
    items.put(item)
    return True


def lost_values(old: Item, new: Item) -> dict[str, Value]:
    """The values of an item that are gone once the new one stands in its place."""
    fields = {name: getattr(old, name) for name in old.__slots__ if name not in _KEPT}
    lost = {name: value for name, value in fields.items() if value is not None and value != getattr(new, name)}
    kept = new.metadata
    lost |= {
        key: value
        for key, value in old.metadata.items()
        if key not in kept or (type(kept[key]), kept[key]) != (type(value), value)
    }
    return lost


def _question(name: str, lost: dict[str, Value]) -> str:
    from tsmem.render.values import pairs

    return f"{name} exists; this drops {quantity(len(lost), 'value')}: {pairs(lost, limit=_MAX_SHOWN)}. Replace it?"
