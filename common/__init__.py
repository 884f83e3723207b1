"""What every part may use: settings, logging with masking, time, control messages. Imports nothing of ours."""
