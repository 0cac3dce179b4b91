"""`python -m kursi_booking ROLE…`."""

from kursi_chassis.process import main
from kursi_chassis.wiring import migrate_database

from kursi_booking.main import ROLES, build
from kursi_booking.settings import BookingSettings

main(BookingSettings, build, roles=ROLES, commands={"migrate": migrate_database})
