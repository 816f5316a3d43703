"""Import and export: read sessions and messages from files into a store, and write them from a store to files.

The commands `import` and `export` call this package. Programs can call it too:

    from tsmem import open_store
    from tsmem.transfer import ImportOptions, export_file, import_file

    with open_store() as store:
        export_file(store, "memory.jsonl.gz", user_id="ada")
        import_file(store, "chats.jsonl", ImportOptions("openai", user="ada"))

An export takes items from `store.bulk`, makes each a line of JSON (`exporting.py`), and writes the lines to a file
(`files/`). An import (`importing.py`) reads JSON values from a file (`input/`), turns them into sessions and messages
(`records.py`, `formats/`), and passes those to `store.bulk`. Meanwhile `resume.py` saves how far the import has come,
`rejects.py` keeps what cannot be imported, and `shared_ids.py` warns about session ids that several users have.

Nothing here imports the command line; `caller.py` is the interface to it.
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
