"""TLS for PostgreSQL over TCP, which the server from the wheel lacks: a relay ends TLS before the server's socket."""

import socket
import ssl
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.postgres.proxy import Relay

_SSL_REQUEST = bytes.fromhex("0000000804d2162f")  # length and code
Admit = Callable[[socket.socket], bytes | None]
"""Reads the start of a session; returns the bytes to send to PostgreSQL, or None if it refused the client."""


class Authority:
    """Certificate authority that signs servers' certificates."""

    def __init__(self, folder: Path, name: str) -> None:
        """Create the authority's certificate.

        Args:
            folder: Folder for the certificates.
            name: Name of the authority and of its file.
        """
        self.file = folder / f"{name}.pem"
        self._folder = folder
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self._key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._sign(self._name, self._key, x509.BasicConstraints(ca=True, path_length=0))
        self.file.write_bytes(certificate)

    def server(self, host: str) -> Path:
        """Create a server's certificate; return the file with it and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._sign(x509.Name([]), key, x509.SubjectAlternativeName([x509.DNSName(host)]))
        file = self._folder / f"{host}.pem"
        key_bytes = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        file.write_bytes(key_bytes + certificate)
        return file

    def _sign(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, extension: x509.ExtensionType) -> bytes:
        certificate = x509.CertificateBuilder(
            issuer_name=self._name,
            subject_name=subject,
            public_key=key.public_key(),
            serial_number=x509.random_serial_number(),
            not_valid_before=datetime(2020, 1, 1, tzinfo=UTC),
            not_valid_after=datetime(2120, 1, 1, tzinfo=UTC),
        ).add_extension(extension, critical=True)
        return certificate.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


class TlsRelay(Relay):
    """Relay that listens on TCP and ends TLS."""

    def __init__(self, server: str, certificate: Path | None, admit: Admit = lambda _: b"") -> None:
        """Listen on a port of 127.0.0.1.

        Args:
            server: Folder of PostgreSQL's socket.
            certificate: File with certificate and key; None for a server without TLS.
            admit: Function that admits or refuses clients with TLS.
        """
        super().__init__(("127.0.0.1", 0), server)
        self.port: int = self.server_address[1]
        self.connections: list[str] = []  # "TLS" or "plain" for each
        self._admit = admit
        self._context = None
        if certificate:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(certificate)

    def serve(self, client: socket.socket) -> None:
        """Serve a connection. The client has five seconds to send its first message."""
        client.settimeout(5)
        first_bytes = client.recv(len(_SSL_REQUEST))
        if first_bytes != _SSL_REQUEST:
            self.connections.append("plain")
            deque(self.relay(client, first_bytes), 0)
        elif self._context is None:
            client.sendall(b"N")
        else:
            client.sendall(b"S")
            with self._context.wrap_socket(client, server_side=True) as encrypted:
                self.connections.append("TLS")
                startup = self._admit(encrypted)
                if startup is not None:
                    deque(self.relay(encrypted, startup), 0)
