"""Transfer: memory in files, out of a store and into one.

The commands `export` and `import` call it, and so can any program:

    from tsmem import open_store
    from tsmem.transfer import ImportOptions, export_file, import_file

    with open_store() as store:
        export_file(store, "memory.jsonl.gz", user_id="ada")
        import_file(store, "chats.jsonl", ImportOptions("openai", user="ada"))

`exporting.py` writes the items of `store.bulk` as JSON lines, into a file that `files/` writes whole or not at all.
`importing.py` reads JSON values (`input/`), makes sessions and messages of them (`records.py`, `formats/`), and has
`store.bulk` write them. `resume.py` notes how far it is, `rejects.py` keeps what cannot be imported, `shared_ids.py`
warns of session ids that several users have. This package imports nothing of the command line (`caller.py`).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tsmem.transfer.exporting import export_file
    from tsmem.transfer.importing import ImportOptions, import_file

__all__ = ["ImportOptions", "export_file", "import_file"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = "exporting" if name == "export_file" else "importing"
    return getattr(import_module(f"{__name__}.{module}"), name)
