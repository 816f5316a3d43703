"""The commands, one module for a noun or a command. Each parses its arguments, calls the store once, and returns a
result that `cli/app/main.py` renders and writes.
"""
