"""Every error that a user of the command line can cause, as data: the cause, the message, the hint and the exit code.

`test_errors.py` causes each of them and compares.
"""
