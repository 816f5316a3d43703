"""The README's pictures: what real commands send a real terminal, drawn as SVG by rich.

`python -m tests.pictures` draws them anew; a test fails when one is stale.
"""
