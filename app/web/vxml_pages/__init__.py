"""VoiceXML for media servers: files of published revisions, and per-call pages at signed, expiring addresses."""
