"""Runs the catalog service: `python -m kursi_catalog ROLE…`. `run` is all roles; `migrate` comes first."""

from kursi_chassis.process import main
from kursi_chassis.wiring import migrate_database

from kursi_catalog.main import ROLES, build
from kursi_catalog.settings import CatalogSettings

if __name__ == "__main__":
    main(CatalogSettings, build, roles=ROLES, commands={"migrate": migrate_database})
