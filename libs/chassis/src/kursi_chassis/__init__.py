"""What two services need; no domain word in here."""

import os
import zoneinfo

# The rules of time zones change several times a year. They are those of the pinned `tzdata`, the same in every process and
# every test; Python would take the machine's instead, however old. Who sets PYTHONTZPATH says otherwise.
if "PYTHONTZPATH" not in os.environ:
    zoneinfo.reset_tzpath(to=())
