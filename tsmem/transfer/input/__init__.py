"""Read an input in bounded memory: `input_bytes.py` unpacks it, `json_values.py` parses it into JSON values."""
