"""Input and output of a command: streams, and what is said on stderr. Files are opened by `transfer/files/`.

Called by `cli/app/` and by the commands.

`streams.py` has the three standard streams. `output.py` writes what render made, and what follows a listing;
`emptiness.py` says why one is empty. `progress.py` shows how far a command is, and what it did. `times.py` and
`values.py` parse times and metadata.
"""
