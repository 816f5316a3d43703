"""Codecs between the bytes of TableStore's protocol and values of the engine.

`schema` parses and makes protobuf messages. Inside those, rows and single values are PlainBuffer (`plainbuffer`);
`filters` and `search_queries` turn the messages of filters and queries into the port's types.
Nothing here runs an action: `actions` calls these modules. Whatever a codec cannot read is OTSParameterInvalid.
"""
