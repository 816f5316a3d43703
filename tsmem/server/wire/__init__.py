"""Codecs between the bytes of TableStore's protocol and the values of the engine.

`actions` calls them; nothing here runs an action. `schema` parses and makes protobuf messages. Rows and single values
inside those are in another format, PlainBuffer (`plainbuffer`). `filters` and `search_queries` turn the messages of
filters and queries into the port's types. Whatever cannot be decoded is OTSParameterInvalid.
"""
