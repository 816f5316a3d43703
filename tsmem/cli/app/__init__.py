"""The application: it turns a command line into one call of a command, and the outcome into output and an exit code.

`main.py` parses the arguments with `command_tree.py`, which imports and builds the one command that is called. The
command gets a `Context` (`context.py`) and returns a result, which `main` writes. If an error or a signal ends the run,
`failure.py` reports it instead, and returns the exit code.
"""
