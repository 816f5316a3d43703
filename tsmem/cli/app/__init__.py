"""The application: it turns a command line into one call of a command, and the outcome into output and an exit code.

`tsmem/__main__.py` installs `signals.py`, which ends a run that is interrupted, and calls `main` in `main.py`. `main`
parses the arguments with `command_tree.py`, which imports and builds the one command that is called. The command gets
a `Context` (`context.py`) and returns a result, which `main` writes. `failure.py` reports errors, and `exit_codes.py`
maps them to exit codes.

Commands are declared with `command_tree.py` and the shared options of `options.py`; `global_options.py` adds the
options that every command has, and `contents.py` lists the names of all commands. `help.py` declares `tsmem help` and
`tsmem completion`. `suggest.py` completes words for a shell, and `shell_words.py` quotes the commands in hints.
"""
