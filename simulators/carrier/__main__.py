"""`python -m simulators.carrier`: the same as `clarion carrier`, without the product's command line."""

from __future__ import annotations

from simulators.command import main

raise SystemExit(main())
