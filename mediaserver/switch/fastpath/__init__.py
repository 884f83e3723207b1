"""The RTP pump with its inner loop in C, where that could be built; `mediaserver.switch.pump` serves elsewhere."""
