"""An authority for tests of encryption, and what it signs."""

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from kursi_chassis.grpc.tls import TlsFiles

PEM = serialization.Encoding.PEM


class Authority:
    """Signs certificates for 127.0.0.1, and keeps all files in `folder`."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.name = folder, name
        self.key = ec.generate_private_key(ec.SECP256R1())
        signed = self._certificate(name, self.key.public_key(), x509.BasicConstraints(ca=True, path_length=0))
        self.file = self._write("ca", signed.public_bytes(PEM))

    def issue(self, name: str, address: str = "127.0.0.1") -> TlsFiles:
        """A certificate for an IP address, with its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
        private = key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        certificate = self._certificate(name, key.public_key(), here).public_bytes(PEM)
        return TlsFiles(
            self.file, self._write(f"{name}-certificate", certificate), self._write(f"{name}-key", private)
        )

    def _certificate(
        self, name: str, key: ec.EllipticCurvePublicKey, extension: x509.ExtensionType
    ) -> x509.Certificate:
        subject, issuer = (
            x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)]) for text in (name, self.name)
        )
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder(issuer, subject, key, x509.random_serial_number())
            .not_valid_before(now - timedelta(minutes=5))
            .not_valid_after(now + timedelta(hours=1))
            .add_extension(extension, critical=True)
            .sign(self.key, hashes.SHA256())
        )

    def _write(self, what: str, content: bytes) -> Path:
        path = self.folder / f"{self.name}-{what}.pem"
        path.write_bytes(content)
        return path
