"""`python -m tools.chaos`."""

import sys

from tools.chaos.command import main

sys.exit(main())
