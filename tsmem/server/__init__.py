"""TableStore's wire protocol in front of an engine: HTTP, signatures, protobuf and PlainBuffer.

Its one rule: it knows nothing of sessions and messages. A request is authenticated (`auth`), decoded and answered
(`dispatch`, one module a kind of action), and sent back signed (`http`); what a table means is the engine's.
"""
