"""TableStore's wire protocol in front of an engine. It knows nothing of sessions and messages.

A request passes three rooms: `http` receives it, checks its signature and its limits, and sends the response; between
that, `dispatch` hands the body to one function of `actions`, which asks the engine; `wire` has the codecs of bodies.
Each room imports only those after it in this order: http, dispatch, actions, wire. `tsmem serve` puts a `Server` in
front of a `Dispatcher` in front of an `Engine`; nothing else of the package calls this room.
"""
