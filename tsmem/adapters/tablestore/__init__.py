"""The TableStore adapter: the port's `TableClient` over the SDK.

`adapters.open_client` imports it for a TableStore profile alone: importing the SDK takes half a second and logs
warnings. Nothing else imports `tablestore`, except that the server uses its protobuf classes.

A call passes through these modules:

    client.py      the TableClient: meters and logs each call, raises our errors (errors.py)
    rows.py, schemas.py, search.py    requests in the SDK's classes, and results in ours
    sdk_client.py  the SDK's client, which decodes the reply
    sdk.py         the SDK, imported quietly
    transport.py   HTTP below the SDK, with a deadline for each attempt
    reply_checks.py  checks the reply against the request
"""
