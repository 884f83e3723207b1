"""Neural voices: piper in a process of its own."""
