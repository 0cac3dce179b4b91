"""Encryption between services, as a setting: with certificates both sides show one, without there is none."""

from dataclasses import dataclass
from pathlib import Path

import grpc

from kursi_chassis.settings import ServiceSettings


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Where a process finds its certificate, its key, and the authority that the others are checked by."""

    ca: Path
    certificate: Path
    key: Path

    @classmethod
    def from_settings(cls, settings: ServiceSettings) -> "TlsFiles | None":
        """The files that the settings name; None when they name none.

        Raises: ValueError for only some of them.
        """
        ca, certificate, key = settings.tls_ca_file, settings.tls_certificate_file, settings.tls_key_file
        if ca is None and certificate is None and key is None:
            return None
        if ca is None or certificate is None or key is None:
            message = "tls_ca_file, tls_certificate_file and tls_key_file belong together"
            raise ValueError(message)
        return cls(ca, certificate, key)

    def server_credentials(self) -> grpc.ServerCredentials:
        """For a server that talks only to clients with a certificate of the same authority."""
        return grpc.ssl_server_credentials(
            [(self.key.read_bytes(), self.certificate.read_bytes())],
            self.ca.read_bytes(),
            require_client_auth=True,
        )

    def channel_credentials(self) -> grpc.ChannelCredentials:
        """For a client that shows its certificate and checks the server's."""
        return grpc.ssl_channel_credentials(
            self.ca.read_bytes(), self.key.read_bytes(), self.certificate.read_bytes()
        )
