"""TableStore's wire protocol in front of an engine. It knows nothing of sessions and messages.

`tsmem serve` makes an `Engine`, a `Dispatcher` in front of it, and a `Server` in front of that. A request passes
through four rooms, each of which imports only those below it:

    http       receives it, checks its signature and its limits, and sends the response
    dispatch   finds the function for its action
    actions    asks the engine, and fills in the response
    wire       decodes and encodes bodies
"""
