"""Input and output of a command: streams, files, and what is said on stderr.

Called by `cli/app/` and by the commands.

`streams.py` has the three standard streams, `files.py` opens input. `outputs.py` writes files that are whole or not
there (`partial.py`), and refuses what must not be overwritten (`unwritable.py`). `output.py` writes what render made.
`progress.py` and `progress_summary.py` show how far a bulk command is; `footer.py` and `emptiness.py` say what follows
a listing, or why it is empty. `counts.py`, `times.py` and `values.py` read and word numbers, times and metadata.
"""
