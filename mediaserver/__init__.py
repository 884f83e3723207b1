"""The media server: SIP, RTP and VoiceXML dialogs. No database, and nothing of `app` is imported here."""
