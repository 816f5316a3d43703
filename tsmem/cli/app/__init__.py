"""The application: how a command line becomes one call of a command.

`main.py` runs a command line and turns errors into exit codes (`failure.py`, `exit_codes.py`). `command_tree.py` is how
commands are declared, found and loaded; `global_options.py` has the options of each, `contents.py` their names.
`context.py` is what a command gets: streams, environment, clock, global options and the store. `signals.py` ends a run
that is interrupted. `help.py` is `tsmem help` and `tsmem completion`; `suggest.py` offers words to a shell.
"""
