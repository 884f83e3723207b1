"""Call progress analysis: what the network plays while a call rings, and who or what answered. Pure, numpy, no IO."""
