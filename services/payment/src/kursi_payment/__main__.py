"""Runs the payment service: `python -m kursi_payment ROLE…`. `run` is all roles; `migrate` comes first."""

from kursi_chassis.process import main
from kursi_chassis.wiring import migrate_database

from kursi_payment.main import ROLES, build
from kursi_payment.settings import PaymentSettings

if __name__ == "__main__":
    main(PaymentSettings, build, roles=ROLES, commands={"migrate": migrate_database})
