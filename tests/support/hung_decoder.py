"""A decoder that comes up and never answers."""

import sys
import time

if __name__ == "__main__":
    sys.stdout.buffer.write(b"\x00\x00\x00\x02{}")
    sys.stdout.buffer.flush()
    time.sleep(60)
