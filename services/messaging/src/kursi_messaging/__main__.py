"""Runs the messaging service: `python -m kursi_messaging ROLE…`. `run` is all roles; `migrate` comes first."""

from kursi_chassis.process import main
from kursi_chassis.wiring import migrate_database

from kursi_messaging.main import ROLES, build
from kursi_messaging.settings import MessagingSettings

if __name__ == "__main__":
    main(MessagingSettings, build, roles=ROLES, commands={"migrate": migrate_database})
