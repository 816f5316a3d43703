"""Import and export: read sessions and messages from files into a store, and write them from a store to files.

An export takes items from `store.bulk`, makes each a line of JSON (`formats/tsmem.py`), and writes the lines to a file
(`files/`). An import (`importing.py`) reads JSON values from a file (`input/`), turns them into sessions and messages
(`formats/`), and passes those to `store.bulk`. Meanwhile `resume.py` saves how far the import has come, `rejects.py`
keeps what cannot be imported, and `shared_ids.py` warns about session ids that several users have.

The command line and programs call this package. It does not import the command line: `Caller` (`files/outputs.py`)
is the interface.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tsmem.transfer.formats.tsmem import export_file
    from tsmem.transfer.importing import ImportOptions, import_file

__all__ = ["ImportOptions", "export_file", "import_file"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = "formats.tsmem" if name == "export_file" else "importing"
    return getattr(import_module(f"{__name__}.{module}"), name)
