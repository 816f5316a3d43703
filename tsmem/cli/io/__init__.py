"""Input and output of a command: streams, and what is said on stderr. Files are opened by `transfer/files/`.

Called by `cli/app/` and by the commands.

`streams.py` has the three standard streams. `output.py` writes what render made.
`progress.py` and `progress_summary.py` show how far a bulk command is; `footer.py` and `emptiness.py` say what follows
a listing, or why it is empty. `counts.py`, `times.py` and `values.py` read and word numbers, times and metadata.
"""
