"""The input and output of commands: the standard streams, what is written to them, and the times and values that a
command line contains. `cli/app/` and the commands call it; `transfer/files/` opens files.
"""
