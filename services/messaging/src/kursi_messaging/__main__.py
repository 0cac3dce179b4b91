"""`python -m kursi_messaging ROLE…`."""

from kursi_chassis.process import main
from kursi_chassis.wiring import migrate_database

from kursi_messaging.main import ROLES, build
from kursi_messaging.settings import MessagingSettings

main(MessagingSettings, build, roles=ROLES, commands={"migrate": migrate_database})
