"""Import TableStore's SDK without its warnings and logs.

The other modules of this folder take the SDK from here: `from tsmem.adapters.tablestore.sdk import ots`. While it is
imported, the SDK warns through `logging` and `warnings` that its native code does not fit this version of Python.

Source: tablestore 6.4.8, encoder.py, decoder.py, native/__init__.py, ots_sdk/__init__.py.
"""

from __future__ import annotations

import logging
import warnings

for _name in ("tablestore.encoder", "tablestore.decoder"):
    if logging.getLogger(_name).level == logging.NOTSET:
        logging.getLogger(_name).setLevel(logging.ERROR)

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import tablestore as ots
    from tablestore.protobuf import search_pb2, table_store_pb2

__all__ = ["SILENT_LOGGER", "ots", "search_pb2", "table_store_pb2"]

SILENT_LOGGER = "tsmem.adapters.tablestore.sdk"
"""Name of the logger for SDK clients. It logs nothing: at level DEBUG or NOTSET the SDK logs the access key and
signature of every request, and at ERROR it logs whole replies."""
logging.getLogger(SILENT_LOGGER).setLevel(logging.CRITICAL + 1)
