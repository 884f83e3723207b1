"""`python -m mediaserver.sounds TARGET [SOURCE]`: what needs numpy, in a process that ends with its work.

Writes TARGET as 8 kHz mu-law: SOURCE, an audio file, or the music that is shipped. Exit status 1 with the reason on
standard error for a SOURCE that is no audio.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from mediaserver.dialog import audio
from mediaserver.sounds.music import RATE, hold_music


def main(target: Path, source: Path | None) -> int:
    try:
        clip = audio.from_samples(hold_music(), RATE) if source is None else audio.to_ulaw(source.read_bytes())
    except audio.UnreadableAudio as error:
        sys.stderr.write(f"{error}\n")
        return 1
    draft = target.with_name(f"{target.name}.{os.getpid()}")
    draft.write_bytes(clip)
    draft.rename(target)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None))
