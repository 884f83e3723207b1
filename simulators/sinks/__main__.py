"""`python -m simulators.sinks`: the sinks alone, without a carrier."""

from __future__ import annotations

import sys

from simulators.command import main

raise SystemExit(main(["--sip-bind", "-", *sys.argv[1:]]))
