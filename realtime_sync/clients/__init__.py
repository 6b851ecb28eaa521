"""The clients: who to talk to. ``client.realtime.connect(...)`` opens a conversation."""
