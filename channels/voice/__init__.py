"""Voice: calls are placed by media servers, over their control API."""
