"""A way to PostgreSQL by TCP with TLS, which the server from the wheel has not: it ends here, before its socket."""

import contextlib
import datetime
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.postgres.proxy import SOCKET, read

_SSL_REQUEST = bytes.fromhex("0000000804d2162f")  # length and code
_SILENCE = 5  # s that a client may keep before its first bytes
_LONG_AGO = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
_DAY = datetime.timedelta(days=1)


class Authority:
    """Signs certificates of servers."""

    def __init__(self, folder: Path, name: str) -> None:
        """Makes its own certificate.

        Args:
            folder: where its files go.
            name: its name, and of its file.
        """
        self.file = folder / f"{name}.pem"
        self._folder = folder
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self._key = ec.generate_private_key(ec.SECP256R1())
        certificate = (
            self._certificate(self._name, self._key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def server(self, host: str, days: int = 36_500) -> Path:
        """Make a server's certificate, with its key in the same file.

        Args:
            host: its name or address.
            days: how long it is good for, from 2020-01-01.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        try:
            subject: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(host))
        except ValueError:
            subject = x509.DNSName(host)
        certificate = (
            self._certificate(x509.Name([]), key.public_key(), days)
            .add_extension(x509.SubjectAlternativeName([subject]), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        file = self._folder / f"{host}-{days}.pem"
        file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        return file

    def _certificate(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, days: int = 36_500
    ) -> x509.CertificateBuilder:
        return x509.CertificateBuilder(
            issuer_name=self._name,
            subject_name=subject,
            public_key=key,
            serial_number=x509.random_serial_number(),
            not_valid_before=_LONG_AGO,
            not_valid_after=_LONG_AGO + days * _DAY,
        )


Admit = Callable[[socket.socket], bytes | None]
"""Reads how a session begins, and gives what the server is told of it; None: it was refused."""


class Front(NamedTuple):
    """Where it listens, and what came."""

    port: int  # on 127.0.0.1
    connections: list[str]  # how each came: "TLS" or "plain"


@contextlib.contextmanager
def front(server: str, certificate: Path | None, admit: Admit = lambda _: b"") -> Iterator[Front]:
    """Stand before a server until the end of the context.

    Args:
        server: the folder of its socket.
        certificate: with its key; None for a server without TLS.
        admit: lets in who came by TLS.
    """
    context = None
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
    ending = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.05)
        found = Front(listener.getsockname()[1], [])
        thread = threading.Thread(target=_accept, args=(listener, server, context, admit, found.connections, ending))
        thread.start()
        try:
            yield found
        finally:
            ending.set()
            thread.join()


def _accept(
    listener: socket.socket,
    server: str,
    context: ssl.SSLContext | None,
    admit: Admit,
    connections: list[str],
    ending: threading.Event,
) -> None:
    serving = []
    while not ending.is_set():
        with contextlib.suppress(TimeoutError):
            client, _ = listener.accept()
            thread = threading.Thread(target=_serve, args=(client, server, context, admit, connections, ending))
            thread.start()
            serving.append(thread)
    for thread in serving:
        thread.join()


def _serve(
    client: socket.socket,
    server: str,
    context: ssl.SSLContext | None,
    admit: Admit,
    connections: list[str],
    ending: threading.Event,
) -> None:
    with client, contextlib.suppress(OSError):  # what a client breaks off is its business
        client.settimeout(_SILENCE)
        asked = client.recv(len(_SSL_REQUEST))
        if asked != _SSL_REQUEST:
            connections.append("plain")
            _pass_on(client, asked, server, ending)
        elif context is None:
            client.sendall(b"N")
        else:
            client.sendall(b"S")
            with context.wrap_socket(client, server_side=True) as encrypted:
                connections.append("TLS")
                begun = admit(encrypted)
                if begun is not None:
                    _pass_on(encrypted, begun, server, ending)


def _pass_on(client: socket.socket, asked: bytes, server: str, ending: threading.Event) -> None:
    client.settimeout(0.005)
    with socket.socket(socket.AF_UNIX) as behind:
        behind.connect(str(Path(server) / SOCKET))
        behind.settimeout(0.005)
        behind.sendall(asked)
        while not ending.is_set():
            for from_, to in ((client, behind), (behind, client)):
                heard = read(from_)
                if heard == b"":
                    return
                if heard:
                    to.sendall(heard)
