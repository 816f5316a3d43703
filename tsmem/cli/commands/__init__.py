"""The commands: one module for each group (`session.py`) or for commands that belong together (`transfer.py`).

`cli/app/command_tree.py` imports a module when one of its commands is called, and passes the run's context and the
parsed arguments. The command calls the store and returns a result, which `cli/app/main.py` renders and writes.
`items.py` has no commands: `session.py` and `message.py` share it.
"""
