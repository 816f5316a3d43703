"""The README's pictures: SVG files that rich draws of what real commands send a terminal.

`python -m tests.pictures` redraws them. A test fails if a picture is out of date.
"""
