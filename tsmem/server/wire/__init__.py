"""Codecs between the bytes of TableStore's protocol and the values of the engine.

`schema` parses and makes protobuf messages. Rows and single values inside those are in another format, PlainBuffer
(`plainbuffer`). `filters` and `search_queries` decode messages. Whatever cannot be decoded is OTSParameterInvalid.
"""
