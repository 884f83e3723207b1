"""The application server and the rules it shares with the engine."""
