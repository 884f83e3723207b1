"""The process that writes recordings: disks may be slow or full, and nothing of that may reach the switch."""
