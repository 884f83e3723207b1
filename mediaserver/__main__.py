"""`python -m mediaserver`."""

import sys

from mediaserver.main import main

sys.exit(main())
