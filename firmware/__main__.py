"""`python -m firmware` is the command `pilotline`."""

import sys

from firmware.cli import main

sys.exit(main())
