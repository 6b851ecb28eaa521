"""What the server knows of the protocol: sessions, items, responses and turns, without a socket."""
