"""Which rules of time zones count."""

import os
import subprocess
import sys

SHOW = "import kursi_chassis, zoneinfo; print(zoneinfo.TZPATH)"


def tz_path(**environment):
    """Where a process that uses the chassis looks for zones before it takes the pinned ones."""
    usual = {name: value for name, value in os.environ.items() if name != "PYTHONTZPATH"}
    shown = subprocess.run(
        [sys.executable, "-c", SHOW], env={**usual, **environment}, capture_output=True, text=True, check=True
    )
    return shown.stdout.strip()


def test_zones_follow_the_pinned_rules_and_not_those_of_the_machine():
    assert tz_path() == "()"


def test_who_says_where_zones_are_is_followed():
    assert tz_path(PYTHONTZPATH="/srv/zones") == "('/srv/zones',)"
