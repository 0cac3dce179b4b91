"""``python -m kursi_local COMMAND``."""

import sys

from kursi_local.cli import main

sys.exit(main())
