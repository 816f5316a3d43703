"""The commands: one module for each group (`session.py`) or for commands that belong together (`transfer.py`).

A command gets the run's context and the parsed arguments. It calls the store and returns the result to render, or None
if there is nothing to show. `items.py` has no commands: `session.py` and `message.py` share it.
"""
