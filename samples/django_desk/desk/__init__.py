"""The app: a page, a log, a command."""
