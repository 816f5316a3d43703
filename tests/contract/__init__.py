"""The rules of the port and of the store. Each rule is tested once, with the fixtures `client` and `store`."""
