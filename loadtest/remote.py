"""JMeter servers on other machines, which send the load."""

import re
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

from tools.kit.errors import CommandError

_DEFAULT_PORT = 1099  # of the RMI registry
_CONNECT_TIMEOUT_SECONDS = 10
_STOP_INTERVAL_SECONDS = 0.5
_PORT_LINE = re.compile(rb"StopTestNow.* message on port (\d+)")


class RemoteServers(NamedTuple):
    """Running JMeter servers."""

    names: tuple[str, ...] = ()  # host or host:port, as in JMeter's option -R
    keystore: Path | None = None  # for TLS; None: without TLS
    is_insecure: bool = False  # allow public addresses without TLS

    @property
    def working_folder(self) -> Path | None:
        """Folder in which JMeter has to run; None: any.

        JMeter sends the name of the keystore to the servers, where the file is in their own working folder.
        """
        return self.keystore.resolve().parent if self.keystore else None

    @property
    def generators(self) -> tuple[str, ...]:
        """Suffix of the properties of each process that sends punches: its name, or nothing for this machine."""
        return self.names or ("",)

    def arguments(self) -> Iterator[str]:
        """Yield the options of JMeter.

        Raises:
            CommandError: a server cannot be reached.
        """
        yield from ("-R", ",".join(self.names))
        yield f"-Djava.rmi.server.hostname={self.check()}"  # to which the servers send the results
        yield "-Lorg.apache.jmeter.engine.ClientJMeterEngine=WARN"  # it logs the API key as information
        if self.keystore:
            yield f"-Jserver.rmi.ssl.keystore.file={self.keystore.name}"
        else:
            yield "-Jserver.rmi.ssl.disable=true"

    def check(self) -> str:
        """Return this machine's address, as a server sees it.

        JMeter does not notice that a server has died.

        Raises:
            CommandError: a server cannot be reached, or has a public address without TLS; the keystore does not exist.
        """
        if self.keystore and not self.keystore.is_file():
            raise CommandError(f"{self.keystore} does not exist. Create it as loadtest/README.md describes")
        address = ""
        for name in self.names:
            host, _, port = name.partition(":")
            try:
                with socket.create_connection((host, int(port or _DEFAULT_PORT)), _CONNECT_TIMEOUT_SECONDS) as server:
                    address = server.getsockname()[0]
                    server_address = ip_address(server.getpeername()[0])
            except (OSError, ValueError, OverflowError) as error:
                raise CommandError(
                    f"the JMeter server {name} cannot be reached ({error}); the run proves nothing. Start it as "
                    "loadtest/README.md describes"
                ) from None
            if server_address.is_global and not self.keystore and not self.is_insecure:
                raise CommandError(
                    f"the JMeter server {name} has the public address {server_address}: without TLS anyone who reaches "
                    "its ports, or those of this machine, can run programs there. Give --keystore, or --insecure"
                )
        return address


def stop_servers(process: subprocess.Popen[bytes], output: Path, timeout_seconds: float) -> None:
    """Ask JMeter to stop its servers, which would go on sending without it, until it ends or the time is over."""
    deadline = time.monotonic() + timeout_seconds
    while process.poll() is None and time.monotonic() < deadline:
        if port := _PORT_LINE.search(output.read_bytes()):  # printed after the start of the servers
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
                sender.sendto(b"StopTestNow", ("127.0.0.1", int(port[1])))
        with suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_INTERVAL_SECONDS)
