"""Line drivers: how a call reaches the telephone network."""
