"""Input and output of a command. Called by `cli/app/` and by the commands; files are opened by `transfer/files/`.

`streams.py` has the three standard streams. `output.py` writes what render made, and what follows a listing;
`emptiness.py` says why one is empty. `progress.py` shows how far a command is, and what it did. `times.py` and
`values.py` parse times and metadata.
"""
