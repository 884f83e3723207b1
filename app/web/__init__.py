"""The web role: panel, VoiceXML pages, providers' callbacks, live streams. See `application.create_app`."""
