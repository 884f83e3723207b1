"""Phone numbers: parsing, normalising, zones."""
