"""Formats: conversations of other tools, turned into sessions and messages.

`openai.py` reads the OpenAI chat format; `message_times.py` gives each message its time; `shapes.py` says which tool
wrote a value that is no conversation.
"""
