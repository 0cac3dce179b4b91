"""Compare the promises that tests claim with docs/promises.md, which explains each in one line.

A test claims a promise with `@pytest.mark.covers("B6")`. Exits 1 when a claimed id is not explained, an explained one is
not claimed, or an id is explained twice.
"""

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
EXPLAINED = re.compile(r"^\| ([A-Z]\d{1,2}) \| \S", re.MULTILINE)
CLAIM = re.compile(r"covers\(([^)]*)\)")
ROW = re.compile(r"\"([A-Z]\d{1,2})\"")


def claimed() -> set[str]:
    """Ids that a test file names in a covers mark."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "*test*.py"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    texts = ((ROOT / name).read_text(encoding="utf-8") for name in listed if (ROOT / name).exists())
    return {row for text in texts for call in CLAIM.findall(text) for row in ROW.findall(call)}


def main() -> None:
    """Exit 1 with the differences."""
    explained = Counter(EXPLAINED.findall((ROOT / "docs" / "promises.md").read_text(encoding="utf-8")))
    tests = claimed()
    problems = [
        f"{row} is claimed by a test but not explained in docs/promises.md"
        for row in sorted(tests - explained.keys())
    ]
    problems += [
        f"{row} is explained in docs/promises.md but no test claims it"
        for row in sorted(explained.keys() - tests)
    ]
    problems += [f"{row} is explained {count} times" for row, count in sorted(explained.items()) if count > 1]
    if problems:
        sys.exit("\n".join(problems))


if __name__ == "__main__":
    main()
