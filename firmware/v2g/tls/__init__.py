"""TLS towards cars: the hello is read first, then a context is chosen; no socket, no clock."""
