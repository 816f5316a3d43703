"""The command line: commands say what, the store decides how. One module a noun, loaded when that noun is called."""
