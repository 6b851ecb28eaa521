"""What is known of a conversation, and its rules: pure, without threads, sockets or locks."""
