"""A conversation as a document to share: Markdown for an issue or a chat, or one HTML file.

`render` calls `shared_markdown` or `shared_html` for `show -o markdown` and `show -o html`. Both make a heading of each
message and lay out its `blocks`. Stored text is hostile here too: no markup in it takes effect, and the HTML file
neither runs a script nor loads anything.
"""
