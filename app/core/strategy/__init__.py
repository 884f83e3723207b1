"""Strategies: versioned XML and the pure state machine that runs it."""
