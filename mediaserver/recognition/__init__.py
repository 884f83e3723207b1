"""Speech recognition: the `SpeechRecognizer` port, finding utterances in a caller's audio, and pocketsphinx."""
