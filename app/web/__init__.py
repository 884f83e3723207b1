"""The web role: panel, VoiceXML pages, providers' callbacks, live streams. `application.create_app` puts it together."""
