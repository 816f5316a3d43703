"""The input and output of commands. `cli/app/` and the commands call it; `transfer/files/` opens files.

`streams.py` has the three standard streams. `output.py` writes the bytes that render made. `emptiness.py` explains an
empty result. `progress.py` shows the progress of a command and a summary. `times.py` and `values.py` parse the times,
metadata and profile settings of the command line.
"""
