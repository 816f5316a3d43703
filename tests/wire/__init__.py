"""The wire: codecs against recorded and hand-made bytes, signatures, HTTP, faults, and clients that are not ours."""
