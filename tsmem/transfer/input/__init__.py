"""Input: from the bytes of an import to JSON values, in constant memory.

`input_bytes.py` unpacks and decodes; `text_window.py` finds where a value ends in text that comes in pieces;
`json_values.py` gives the values one by one, each with its place.
"""
