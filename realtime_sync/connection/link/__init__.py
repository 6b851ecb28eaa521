"""The link under a connection: its life, its threads, and how it is made anew."""
