"""What every service can be told by its environment.

A service derives its own class, gives it a prefix and adds its fields:

    class BookingSettings(ServiceSettings):
        service: ClassVar[str] = "booking"
        model_config = SettingsConfigDict(env_prefix="KURSI_BOOKING_")

Settings are built once, in `__main__`, and passed down; nothing else reads the environment. A missing or
wrong value stops the start with the variable's name. Secrets never show in a log, a repr or an error.
"""

from pathlib import Path
from typing import ClassVar, Literal, TypeVar

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError


class ServiceSettings(BaseSettings):
    """The fields that services share.

    Every network address is `host:port`; replicas are separated by commas.
    """

    service: ClassVar[str] = "service"
    model_config = SettingsConfigDict(
        env_prefix="KURSI_", frozen=True, extra="ignore", hide_input_in_errors=True
    )

    database_url: SecretStr
    """The role that runs: reads and writes rows, owns nothing."""
    database_owner_url: SecretStr | None = None
    """The role that migrates; given to the `migrate` process only."""
    database_pool_size: int = Field(default=8, ge=1, le=200)
    nats_url: str = "nats://127.0.0.1:4222"
    event_stream_replicas: int = Field(default=1, ge=1, le=5)

    grpc_address: str = "127.0.0.1:0"
    grpc_max_concurrent: int = Field(default=128, ge=1)
    """Calls in flight before new ones are refused. One process serves some 1,000 short calls a second, so 128
    is about an eighth of a second of queue: beyond it waiting is worse than being told to come back."""
    grpc_max_streams: int = Field(default=1_000, ge=1)
    """Open streams before new ones are refused. They wait most of the time, so they are counted apart."""
    default_deadline_seconds: float = Field(default=10, gt=0, le=300)
    """How long a call may take when its client set no deadline."""
    metrics_address: str | None = None
    drain_seconds: float = Field(default=3, ge=0)
    """Between NOT_SERVING and the stop: how long balancers need to notice. Three seconds lost no request."""
    stop_seconds: float = Field(default=5, ge=0)
    """How long calls in flight may take to finish once the server stops."""

    identity_address: str | None = None
    catalog_address: str | None = None
    booking_address: str | None = None
    payment_address: str | None = None
    messaging_address: str | None = None

    client_secret: SecretStr
    """Proves to identity which service this is."""
    token_issuer: str
    token_audience: str = "kursi"  # noqa: S105 -- an audience is no secret
    internal_audience: str = "kursi-internal"
    page_token_key: SecretStr = Field(min_length=16)

    tls_ca_file: Path | None = None
    """With the two files below: calls between services are encrypted and both sides show a certificate."""
    tls_certificate_file: Path | None = None
    tls_key_file: Path | None = None

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["json", "console"] | None = None
    """Unset: JSON unless the output is a terminal."""
    otlp_endpoint: str | None = None
    """Where traces go (OTLP over HTTP). Unset: none are recorded, but trace ids are still passed on."""
    trace_sampling_ratio: float = Field(default=0.05, ge=0, le=1)


Settings = TypeVar("Settings", bound=ServiceSettings)


class SettingsWrong(Exception):
    """Says what is wrong with which variable of the environment, a line for each, without its value."""


def read_settings(kind: type[Settings]) -> Settings:
    """The settings as the environment has them.

    Raises:
        SettingsWrong: one is missing or makes no sense.
    """
    try:
        return kind()  # type: ignore[call-arg]  # the fields come from the environment
    except ValidationError as error:
        prefix = kind.model_config.get("env_prefix", "")
        lines = [
            f"{'.'.join([f'{prefix}{name}'.upper(), *map(str, path)])}: {one['msg']}"
            for one in error.errors(include_input=False, include_context=False, include_url=False)
            for name, *path in [one["loc"] or ("*",)]
        ]
        raise SettingsWrong("\n".join(lines)) from None
    except SettingsError as error:  # a list or an object that is no JSON; the cause quotes it
        raise SettingsWrong(str(error)) from None
