"""What a conversation is: pure rules, without threads, sockets or locks."""
