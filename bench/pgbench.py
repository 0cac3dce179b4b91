"""PostgreSQL's own benchmark as the limit: the same server, the same SQL, no Python in between."""

import re
import subprocess
import tempfile
from pathlib import Path

from kursi_chassis.testing.servers import postgres_binary

RATE = re.compile(r"^tps = ([\d.]+)", re.MULTILINE)


def pgbench(url: str, script: str, *, clients: int, seconds: int) -> float:
    """Transactions per second of a script. Raises: CalledProcessError with pgbench's own words."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "script.sql"
        path.write_text(script, encoding="utf-8")
        command = [str(postgres_binary("pgbench")), "--no-vacuum", "--protocol=prepared", f"--file={path}"]
        finished = subprocess.run(
            [*command, f"--client={clients}", "--jobs=2", f"--time={seconds}", url],
            check=True,
            capture_output=True,
            text=True,
        )
    match = RATE.search(finished.stdout)
    if match is None:
        message = f"pgbench said nothing of its rate:\n{finished.stdout}"
        raise RuntimeError(message)
    return float(match[1])
