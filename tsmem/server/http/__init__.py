"""The HTTP server of `tsmem serve`: connections, limits, stops, injected faults and signatures.

`server` accepts connections and gives each a thread. That thread runs one `exchange` after another on its `connection`:
read a request (`messages` parses its head), authenticate it (`auth`), draw a fault (`faults`), have it carried out by
the dispatcher, and send the signed response. `settings` has every limit, `log` the entry that each request leaves.
Nothing here reads a protobuf message or writes to the terminal.
"""
