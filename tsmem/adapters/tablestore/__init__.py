"""The TableStore adapter: the port's `TableClient` over Alibaba Cloud's SDK, the package `tablestore`.

`adapters.open_client` imports it for TableStore profiles only, because importing the SDK takes half a second. The SDK
is imported nowhere else, except that the server uses its protobuf classes.

A call passes through these modules, and its reply comes back through them:

    client.py         the TableClient: meters and logs each call, and raises our errors (errors.py)
    rows.py, schemas.py, search.py    convert requests into the SDK's classes, and replies that fit them into ours
    sdk.py            imports the SDK and makes its client, which encodes and signs requests, and decodes replies
    transport.py      sends HTTP requests for the SDK, with a deadline for each attempt
"""
