"""Input: from the bytes of an import to JSON values, in constant memory.

`input_bytes.py` opens a file and unpacks it; `text_window.py` decodes it and holds the part of the text that is being
read; `json_values.py` yields the values one by one, each with its place.
"""
