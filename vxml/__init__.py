"""A VoiceXML 2.1 browser, sans-IO: documents and inputs in, commands and events out, `now` a parameter."""
