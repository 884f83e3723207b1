"""Passwords, permissions, signed addresses."""
