"""The application: how a command line becomes one call of a command.

`main.py` runs a command line and turns errors into exit codes (`failure.py`, `exit_codes.py`). `root.py` and
`groups.py` find the command and load it. `context.py` is what a command gets: streams, environment, clock, global
options and the store. `usage.py` words the mistakes that the parser finds, `help.py` and `topics.py` the help;
`completion.py` and `suggest.py` complete words in shells. `signals.py` ends a run that is interrupted.
"""
