"""The tests, by what they prove: see the folders."""
