"""Who may be reached now, and why not."""
