"""The TableStore adapter: the port's `TableClient` over the SDK. Nothing else imports `tablestore`, but for protobuf
classes in the server.

Called by `adapters.open_client`, which imports it when a profile names TableStore: the SDK takes half a second.

`client.py` is the TableClient. It makes requests of the SDK (`rows.py`, `batches.py`, `schemas.py`, `search.py`, with
`contains.py` for parts of texts) and sends them through `http_session.py`, which counts them and turns errors into ours
(`errors.py`). Below the SDK, `transport.py` bounds each attempt in time. Answers are read by the SDK (`replies.py`,
`wire_format.py`) and checked by `reply_checks.py`. `sdk.py` imports the SDK and keeps it quiet.
"""
