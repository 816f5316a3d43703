"""TableStore's SDK, imported quietly and in one place: `from tsmem.adapters.tablestore.sdk import ots`.

On import the SDK warns that its native code does not fit this Python, by `logging` on stderr and by `warnings`. Source:
tablestore 6.4.8, encoder.py, decoder.py, native/__init__.py, ots_sdk/__init__.py.
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

__all__ = ["QUIET_LOGGER", "ots", "search_pb2", "table_store_pb2"]

# At level NOTSET or DEBUG the SDK logs every request with its access key and signature, and at ERROR whole replies.
QUIET_LOGGER = "tsmem.adapters.tablestore.sdk"
logging.getLogger(QUIET_LOGGER).setLevel(logging.CRITICAL + 1)
