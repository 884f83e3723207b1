"""Contacts out of a file of text: the half of an import that knows no database."""
