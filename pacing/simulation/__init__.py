"""A virtual call centre: discrete events on a virtual clock, seeded. It knows nothing of how a pacer thinks."""
