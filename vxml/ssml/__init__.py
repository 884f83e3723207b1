"""SSML: prompts as lists of speech, audio and silence."""
