"""Files that the user names: exports, rejects, backups, and the small files of resume points.

`outputs.py` opens every file that a command is told to write, and decides which must not be written; `tsmem/disk.py`
makes the new file that then takes the place of another. `descriptors.py` knows names such as /dev/stdout, and reads and
writes descriptors that do not block. `file_errors.py` words the errors.
"""
