"""Dialog workers: what may be slow or hostile. VoiceXML, fetching, speech; they speak frames with the switch."""
