"""Live streams: server-sent events of job pages, in a process of their own so that they never block the panel."""
