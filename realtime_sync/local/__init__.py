"""The embedded server: a real server of the realtime protocol that needs no key and no network."""
