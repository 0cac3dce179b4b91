"""Makes the oracle importable, which several test files are held against."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
