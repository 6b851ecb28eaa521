"""What links of every kind need: proxies, secrets, and words for what goes wrong; no I/O."""
