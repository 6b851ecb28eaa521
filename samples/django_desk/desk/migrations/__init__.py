"""How the log's tables came about."""
