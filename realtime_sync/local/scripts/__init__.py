"""The scripts that come with the embedded server."""
