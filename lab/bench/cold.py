"""A cold start: what importing the function costs in a fresh interpreter, and its first punch, connecting included.

Bytecode is compiled beforehand, for all alike. Lambda's own time to start an environment is not in it.
"""

import io
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import files
from pathlib import Path
from typing import NamedTuple

from lab.bench.events import event
from lab.bench.measure import Aim, Spread, spread, table
from lab.bench.server import Server
from tools.kit.project import ROOT

_FIRST_PUNCH = "{module}.main(json.loads(sys.argv[1]), Context)"
_INSERT = (
    "connection = psycopg2.connect(''); "
    'connection.cursor().execute("insert into batida (id, usuario_id, ponto) values (gen_random_uuid(), 1, now())"); '
    "connection.commit()"
)


class Starter(NamedTuple):
    """What a fresh interpreter does."""

    label: str
    imports: str  # a statement
    first: str  # the statement that stores the first punch
    packages: tuple[str, ...]  # that its zip needs
    sources: tuple[str, ...]  # patterns of the project's own files in its zip


STARTERS = {
    "bare": Starter("the interpreter alone", "pass", "pass", (), ()),
    "psycopg2": Starter("psycopg2 alone", "import psycopg2", _INSERT, ("psycopg2-binary",), ()),
    "ours": Starter(
        "handler",
        "import handler",
        _FIRST_PUNCH.format(module="handler"),
        ("orjson", "psycopg2-binary", "tzdata"),
        ("handler.py", "ponto/**/*.py", "ponto/**/*.sql"),
    ),
    "powertools": Starter(
        "Powertools' BatchProcessor",
        "from lab.bench.peers import powertools",
        _FIRST_PUNCH.format(module="powertools"),
        ("psycopg2-binary", "aws-lambda-powertools", "jmespath", "typing_extensions"),
        ("lab/bench/peers/__init__.py", "lab/bench/peers/powertools.py"),
    ),
}

# VmHWM, for getrusage's ru_maxrss begins with the parent's: it is kept across exec.
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


class Cold(NamedTuple):
    """A cold start."""

    starter: str
    import_ms: Spread
    first_punch_ms: Spread  # connecting included
    peak_mib: Spread  # resident, of the whole process
    zip_mb: float  # 0 when there is nothing to zip


def measure(server: Server, runs: int) -> list[Cold]:
    """Start fresh interpreters, of each kind in turn.

    Args:
        server: the database.
        runs: of each kind.

    Raises:
        RuntimeError: one of them failed; the message is what it said.
    """
    server.use("cold")
    found: dict[str, list[list[float]]] = {name: [] for name in STARTERS}
    with tempfile.TemporaryDirectory(prefix="ponto-bench-") as compiled:
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        environment["PYTHONPYCACHEPREFIX"] = compiled
        for round_ in range(-1, runs):  # the first compiles
            print(f"cold: round {round_ + 1} of {runs}", file=sys.stderr, flush=True)
            for name, starter in STARTERS.items():
                took = _start(starter, environment)
                if round_ >= 0:
                    found[name].append(took)
    return [
        Cold(name, imports, first, peak, _zip_mb(STARTERS[name]))
        for name, times in found.items()
        for imports, first, peak in [map(spread, zip(*times, strict=True))]
    ]


def aims(found: Sequence[Cold]) -> list[Aim]:
    """Hold the handler's import against psycopg2's."""
    imports = {cold.starter: cold.import_ms.median for cold in found}
    more = imports["ours"] - imports["psycopg2"]
    return [Aim("ms to import the handler, beyond psycopg2 alone", 25, more, at_most=True)]


def show(found: Sequence[Cold]) -> str:
    """Lay out milliseconds and sizes."""
    head = ["median (least to most)", "import, ms", "first punch, ms", "peak memory, MiB", "zip, MB"]
    rows = [
        [
            STARTERS[cold.starter].label,
            *map(_one_decimal, (cold.import_ms, cold.first_punch_ms, cold.peak_mib)),
            f"{cold.zip_mb:.2f}" if cold.zip_mb else "",
        ]
        for cold in found
    ]
    return table([head, *rows])


def _start(starter: Starter, environment: Mapping[str, str]) -> list[float]:
    probe = _PROBE.format(imports=starter.imports, first=starter.first)
    ended = subprocess.run(
        [sys.executable, "-c", probe, json.dumps(event(1))],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode:
        raise RuntimeError(f"{starter.label}: {ended.stderr}")
    took: list[float] = json.loads(ended.stdout)
    return took


def _zip_mb(starter: Starter) -> float:
    """Zip what a function needs, as installed here: other wheels than Lambda's, but of all alike."""
    paths = [Path(file.locate()) for name in starter.packages for file in files(name) or []]
    paths += [path for pattern in starter.sources for path in ROOT.glob(pattern)]
    return _zipped(path for path in paths if path.is_file() and "__pycache__" not in path.parts) / 1e6


def _zipped(paths: Iterable[Path]) -> int:
    """Return the bytes of a zip; 0 of nothing."""
    buffer = io.BytesIO()
    empty = True
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in paths:
            archive.write(path)
            empty = False
    return 0 if empty else len(buffer.getvalue())


def _one_decimal(value: Spread) -> str:
    return f"{value.median:.1f} ({value.least:.1f} to {value.most:.1f})"
