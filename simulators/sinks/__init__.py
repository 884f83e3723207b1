"""Local stand-ins for an SMS provider, a mail server and a card processor. See docs/reference/simulated-sinks.md."""
