"""The ways to reach a person: one folder per channel."""
