"""``python -m kursi_local COMMAND``."""

import signal
import sys

# Until the launcher listens to it, Ctrl-C has nothing to tidy up: it ends this process without a traceback.
signal.signal(signal.SIGINT, signal.SIG_DFL)

from kursi_local.cli import main  # noqa: E402  after the line above, because it takes a second on a busy machine

sys.exit(main())
