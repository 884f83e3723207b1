"""How many attempts may start now (pure), and the hopper they are taken from."""
