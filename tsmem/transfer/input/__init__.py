"""Input: from the bytes of an import to JSON values, in constant memory.

`input_bytes.py` opens a file and unpacks it; `json_values.py` decodes it and yields the values one by one, each with
its place.
"""
