"""The engine: directs jobs, paces and places attempts, and decides by the strategy what follows them."""
