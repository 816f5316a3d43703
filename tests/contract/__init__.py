"""What every backend does: each fact once, against `client`."""
