"""`python -m kursi_identity ROLE…`."""

from kursi_chassis.process import main
from kursi_chassis.wiring import migrate_database

from kursi_identity.main import ROLES, build, rotate_keys
from kursi_identity.settings import IdentitySettings

main(
    IdentitySettings,
    build,
    roles=ROLES,
    commands={"migrate": migrate_database, "rotate-keys": rotate_keys},
)
