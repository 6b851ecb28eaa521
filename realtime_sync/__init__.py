"""A blocking, threaded client for realtime voice APIs."""
