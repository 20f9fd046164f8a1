"""Benchmark of cold starts: the import of the function and its first punch, connection included, in a new interpreter.

The bytecode is compiled before the measurement. The time that Lambda needs to start an environment is not included.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

from lab.bench.events import make_event
from lab.bench.harness import BenchCase, ResultColumn, ResultTable, Sizes, measure_cases
from lab.bench.server import BenchServer
from tools.kit.project import ROOT

_INSERT = (
    "connection = psycopg2.connect(''); "
    'connection.cursor().execute("insert into ponto.batida (id, usuario_id, ponto)'
    ' values (gen_random_uuid(), 1, now())"); '
    "connection.commit()"
)


class Starter(NamedTuple):
    """Code that a new interpreter runs."""

    label: str
    imports: str  # statement that imports the function
    first: str  # statement that stores the first punch
    environment: Mapping[str, str] = {}  # additional variables


_HANDLE = "handler.main(json.loads(sys.argv[1]), Context)"
# Fake credentials. The session token is as long as that of a function.
_CREDENTIALS = {
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "ASIABENCH",
    "AWS_SECRET_ACCESS_KEY": "bench",
    "AWS_SESSION_TOKEN": "bench/+=" * 120,
}

STARTERS = {
    "bare": Starter("interpreter without imports", "pass", "pass"),
    "psycopg2": Starter("psycopg2 only", "import psycopg2", _INSERT),
    "handler": Starter("handler", "import handler", _HANDLE),
    "iam": Starter(
        "handler with an IAM token", "import handler", _HANDLE, environment={"DB_LOGIN": "iam", **_CREDENTIALS}
    ),
    "secret": Starter(
        "handler with a secret of Secrets Manager, which answers at once",
        "import handler",
        _HANDLE,
        environment={"DB_SECRET_ARN": "arn:of:nothing", **_CREDENTIALS},
    ),
    "powertools": Starter(
        "Powertools' BatchProcessor",
        "from lab.bench.peers import powertools",
        "powertools.main(json.loads(sys.argv[1]), Context)",
    ),
}

# Reads VmHWM, because ru_maxrss of getrusage survives exec, and so would start with the value of the parent.
_PROBE = """
import sys, time
began = time.perf_counter()
{imports}
imported = time.perf_counter()
import contextlib, io, json
class Context:
    aws_request_id = "bench"
    function_name = memory_limit_in_mb = invoked_function_arn = None
    @staticmethod
    def get_remaining_time_in_millis():
        return 60_000
ready = time.perf_counter()
with contextlib.redirect_stdout(io.StringIO()):
    {first}
stored = time.perf_counter()
with open("/proc/self/status") as status:
    peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))
print(json.dumps([1000 * (imported - began), 1000 * (stored - ready), peak / 1024]))
"""

_COLUMNS = {
    "starter": ResultColumn("median (least to most)"),
    "import_ms": ResultColumn("import, ms", digits=1),
    "first_punch_ms": ResultColumn("first punch, ms", digits=1),
    "peak_mib": ResultColumn("peak memory, MiB", digits=1),
}


def measure(server: BenchServer, sizes: Sizes) -> list[ResultTable]:
    """Measure new interpreters with each of the `STARTERS` in turn.

    Raises:
        RuntimeError: an interpreter failed; the message has its standard error.
    """
    server.use_database("cold")
    with tempfile.TemporaryDirectory(prefix="ponto-bench-") as compiled, _run_secrets_manager() as address:
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        environment |= {"PYTHONPYCACHEPREFIX": compiled, "AWS_ENDPOINT_URL_SECRETS_MANAGER": address}
        cases = [
            BenchCase({"starter": name}, partial(_start, starter, environment)) for name, starter in STARTERS.items()
        ]
        for case in cases:
            case.run()  # to compile the bytecode
        rows = measure_cases("cold", cases, sizes.starts)
    return [ResultTable(_COLUMNS, rows, note=[f"{name}: {starter.label}" for name, starter in STARTERS.items()])]


def _start(starter: Starter, environment: Mapping[str, str]) -> dict[str, float]:
    probe = _PROBE.format(imports=starter.imports, first=starter.first)
    process = subprocess.run(
        [sys.executable, "-c", probe, json.dumps(make_event(1))],
        cwd=ROOT,
        env={**environment, **starter.environment},
        capture_output=True,
        text=True,
        check=False,
    )
    if process.returncode:
        raise RuntimeError(f"{starter.label}: {process.stderr}")
    return dict(zip(("import_ms", "first_punch_ms", "peak_mib"), json.loads(process.stdout), strict=True))


class _SecretsManagerHandler(BaseHTTPRequestHandler):
    """Fake Secrets Manager that answers every request with a secret."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Return the user and a password, which PostgreSQL's Unix socket does not require."""
        secret = {"username": os.environ["DB_USER"], "password": "bench"}
        body = json.dumps({"SecretString": json.dumps(secret)}).encode()
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@contextmanager
def _run_secrets_manager() -> Iterator[str]:
    """Run a fake Secrets Manager on this machine, and yield its URL."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _SecretsManagerHandler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
