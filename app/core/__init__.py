"""Pure rules: no Flask, no SQL, no IO."""
