"""Runs the identity service: `python -m kursi_identity ROLE…`. `run` is all roles; `migrate` comes first.

`rotate-keys` has tokens signed with the next key from now on.
"""

from kursi_chassis.process import main
from kursi_chassis.wiring import migrate_database

from kursi_identity.main import ROLES, build, rotate_keys
from kursi_identity.settings import IdentitySettings

if __name__ == "__main__":
    commands = {"migrate": migrate_database, "rotate-keys": rotate_keys}
    main(IdentitySettings, build, roles=ROLES, commands=commands)
