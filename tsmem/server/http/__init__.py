"""The HTTP server of `tsmem serve`.

`server` accepts connections and starts a thread for each. That thread runs one `exchange` after another on its
`connection`. An exchange reads a request (`messages` parses its head), authenticates it (`auth`), draws a fault
(`faults`), has the dispatcher carry it out, and sends the signed response.
"""
