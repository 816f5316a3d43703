"""Files: what is read and written, for exports, imports and everything else that writes a file of the user's.

`outputs.py` opens each file that a command is told to write; `unwritable.py` says which must not be written;
`partial.py` is the file that is written before it takes the place of another. `inputs.py` opens what is imported.
`descriptors.py` knows names such as /dev/stdout, `waiting_file.py` waits where a descriptor does not block.
"""
