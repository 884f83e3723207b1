"""Live streams: server-sent events of job pages, served by a process of their own so that they never block the panel."""
