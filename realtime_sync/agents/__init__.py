"""Voice agents: tools, handoffs, guardrails and history, blocking. The names load on first use."""
