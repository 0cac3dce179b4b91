"""Runs the booking service: `python -m kursi_booking ROLE…`. `run` is all roles; `migrate` comes first."""

from kursi_chassis.process import main
from kursi_chassis.wiring import migrate_database

from kursi_booking.main import ROLES, build
from kursi_booking.settings import BookingSettings

if __name__ == "__main__":
    main(BookingSettings, build, roles=ROLES, commands={"migrate": migrate_database})
