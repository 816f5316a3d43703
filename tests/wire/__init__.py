"""The server and the TableStore adapter on the wire: codecs, signatures, HTTP, faults, and third-party clients."""
