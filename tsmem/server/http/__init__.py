"""The HTTP server of `tsmem serve`: connections, limits, stops, injected faults and signatures.

`server` accepts connections and starts a thread for each. That thread runs one `exchange` after another on its
`connection`. An exchange reads a request (`messages` parses its head), authenticates it (`auth`), draws a fault
(`faults`), has the dispatcher carry it out, and sends the signed response. `settings` has every limit, and `log` the
entry that each request leaves. Nothing here reads a protobuf message or writes to the terminal.
"""
