"""The accounts that the simulators know. Public on purpose: they open nothing else."""

MOYASAR_SECRET_KEY = "sk_test_kursi_simulator"  # noqa: S105  # opens this simulator only
MOYASAR_PUBLISHABLE_KEY = "pk_test_kursi_simulator"
TWILIO_ACCOUNT_SID = "AC00000000000000000000000000kursi0"
TWILIO_AUTH_TOKEN = "kursi_simulator_auth_token"  # noqa: S105  # opens this simulator only
SMTP_USERNAME = "kursi"
SMTP_PASSWORD = "kursi_simulator_password"  # noqa: S105  # opens this simulator only
