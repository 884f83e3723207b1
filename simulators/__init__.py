"""Stand-ins for the outside world: a carrier with its customers, an SMS provider, a mail server, a card processor.

Nothing here is imported by the product, and nothing here uses the product's protocol code: the two check each other.
"""
