"""Read the input of an import: from bytes to JSON values, in constant memory.

`records.py` calls both modules: `input_bytes.py` opens the input and unpacks it, and `json_values.py` parses the
unpacked bytes into JSON values, each with its line.
"""
