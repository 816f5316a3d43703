"""The rules of the port and of the store, each once, against `client` and `store`."""
