"""Calling windows, zones and holidays."""
