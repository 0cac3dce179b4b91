"""What differs between a laptop and a cluster; everything else comes from the contract."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Address:
    """Where something listens."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> "Address":
        """`host:port`. Raises ValueError for anything else."""
        host, _, port = text.rpartition(":")
        if not host or not port.isdigit():
            message = f"{text!r} is not host:port"
            raise ValueError(message)
        return cls(host, int(port))


@dataclass(frozen=True, slots=True)
class UpstreamTls:
    """Where Envoy finds its certificate, its key, and the authority that the services are checked by."""

    ca: Path
    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class AddressLimit:
    """A token bucket per client address: `per_second` calls in the long run, `burst` at once."""

    per_second: int
    burst: int


# Starting points for one salon's customers behind one carrier address; multiply with --limit-scale where many share one.
LIMITS = {
    "auth": AddressLimit(per_second=10, burst=40),
    "read": AddressLimit(per_second=200, burst=600),
    "write": AddressLimit(per_second=50, burst=200),
    "upload": AddressLimit(per_second=2, burst=40),
    "webhook": AddressLimit(per_second=200, burst=600),
}


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """One gateway."""

    output: Path
    listen: Address
    admin: Address
    upstreams: dict[str, tuple[Address, ...]]
    token_issuer: str
    # None: the services are spoken to without encryption.
    upstream_tls: UpstreamTls | None = None
    token_audience: str = "kursi"  # noqa: S105  a name, not a secret
    cors_origins: tuple[str, ...] = ()
    limit_scale: int = 1
    access_log: str = "/dev/stdout"
    trusted_hops: int = 0
    # An upload of 10 MiB arrives within two minutes at 0.7 Mbit/s.
    upload_seconds: int = 120
    # Who is refused before the body has arrived may pause that long and still be read to the end; whoever reads until the
    # connection is closed, in place of the length that is said, waits as long for what the gateway answers itself.
    linger_seconds: int = 3
    # A new key is published for minutes before it signs, so looking for it once a minute is soon enough.
    key_cache_seconds: int = 60
    limits: dict[str, AddressLimit] = field(default_factory=lambda: dict(LIMITS))
