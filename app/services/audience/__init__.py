"""Filters of contact lists: kept by organizations, asked of the database, explained."""
