"""A simulated telephone carrier and the people behind its numbers. See docs/reference/simulated-carrier.md."""
