"""JMeter, either from the PATH or downloaded by Maven (pom.xml), and its runs."""

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tools.kit.errors import CommandError
from tools.kit.files import tail
from tools.kit.local_stack import STATE
from tools.kit.output import print_status

FOLDER = Path(__file__).parent
_VERSION = "5.6.3"  # version that Maven fetches; pom.xml has the same
_HOME = STATE / f"apache-jmeter-{_VERSION}"  # folder to which Maven fetches it
_MIN_JAVA_VERSION = 17
_MIN_VERSION = (5, 6)  # older ones cannot read the test plans
PROPERTIES = FOLDER / "user.properties"
_TIMESTAMP_PROPERTY = "jmeter.save.saveservice.timestamp_format"
_HEAP = ("-Xms256m", "-Xmx1g")
_LATENCY_STATISTICS = {  # names in statistics.json; the percentiles are those of reportgenerator.properties
    "average": "meanResTime",
    "min": "minResTime",
    "p50": "medianResTime",
    "p95": "pct2ResTime",
    "p99": "pct3ResTime",
    "max": "maxResTime",
}


class JMeter(NamedTuple):
    """Installed JMeter."""

    command: tuple[str, ...]
    environment: Mapping[str, str]

    @contextmanager
    def run_plan(self, plan: Path, folder: Path, properties: Mapping[str, object]) -> Iterator[subprocess.Popen[bytes]]:
        """Run a test plan; write results.jtl, the output (jmeter.out) and the log to a folder.

        Args:
            plan: .jmx file.
            folder: folder to write to; JMeter appends to an existing results.jtl.
            properties: properties of the plan, by name. They are passed in a private file that exists during the
                context, because they include a secret, the arguments of a process are visible to all users, and JMeter
                logs them.
        """
        with tempfile.NamedTemporaryFile("w", dir=folder, suffix=".properties", encoding="ascii") as private:
            private.writelines(f"{_escape(name)}={_escape(str(value))}\n" for name, value in properties.items())
            private.flush()
            # The timestamp format is not in user.properties, because the report also reads that file, and would
            # interpret "ms" as a date format.
            arguments = ["-n", "-l", str(folder / "results.jtl"), f"-J{_TIMESTAMP_PROPERTY}=ms"]
            yield self._start([*arguments, "-t", str(plan), "-q", private.name], folder, "jmeter")

    def create_report(self, folder: Path) -> dict[str, float]:
        """Create the HTML report of the results in a folder; return the latency of all requests in milliseconds.

        Raises:
            CommandError: JMeter failed.
        """
        report = folder / "report"
        if self._start(["-g", str(folder / "results.jtl"), "-o", str(report)], folder, "report").wait():
            raise CommandError(f"JMeter could not create its report; its output ends:\n{tail(folder / 'report.out')}")
        total = json.loads((report / "statistics.json").read_text(encoding="utf-8"))["Total"]
        return {name: round(total[statistic], 1) for name, statistic in _LATENCY_STATISTICS.items()}

    def _start(self, arguments: Sequence[str], folder: Path, name: str) -> subprocess.Popen[bytes]:
        common = ["-q", str(PROPERTIES), "-j", str(folder / f"{name}.log")]
        with (folder / f"{name}.out").open("wb") as output:
            return subprocess.Popen(  # noqa: S603  fixed arguments
                [*self.command, *arguments, *common],
                cwd=folder,
                env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # so that Ctrl-C does not reach JMeter, which this command ends
            )


def _escape(text: str) -> str:
    """Escape all characters of a text for java.util.Properties."""
    return re.sub("....", r"\\u\g<0>", text.encode("utf-16-be").hex())


def find_jmeter() -> JMeter:
    """Return the installed JMeter; download it, about 70 MB, if there is none.

    Raises:
        CommandError: Java or Maven is missing or too old, or Maven failed.
    """
    java = _java()
    if installed := installed_path():
        return JMeter((installed,), {"HEAP": " ".join(_HEAP)})
    # JMeter prints a warning if one of these folders is missing. The last one marks a complete download.
    extensions, marker = _HOME / "lib" / "ext", _HOME / "lib" / "junit"
    if not marker.exists():
        if old_jmeter := shutil.which("jmeter"):
            print_status(f"{old_jmeter} is older than JMeter 5.6, which the test plans need, or prints no version")
        _fetch(_HOME)
        extensions.mkdir(exist_ok=True)
        marker.mkdir()
    preferences = f"-Djava.util.prefs.userRoot={_HOME}"  # in place of the user's preferences
    return JMeter((java, *_HEAP, preferences, "-jar", str(_HOME / "lib" / "ApacheJMeter.jar")), {})


def _java() -> str:
    home = os.environ.get("JAVA_HOME")
    java = shutil.which(str(Path(home) / "bin" / "java") if home else "java")
    # The major version: 8 for 1.8; 0 if the program prints none.
    version = next(iter(_read_version([java, "-version"], r'version "(?:1\.)?(\d+)')), 0) if java else 0
    if java is None or version < _MIN_JAVA_VERSION:
        problem = f"{java} is {version or 'of an unknown version'}" if java else "none is on the PATH or in JAVA_HOME"
        raise CommandError(f"JMeter needs Java {_MIN_JAVA_VERSION} or newer; {problem}")
    return java


def installed_path() -> str | None:
    """Return the path of the installed JMeter; None if there is none, or if it is too old for the test plans."""
    path = shutil.which("jmeter")
    if path and _read_version([path, "--version", "-j", os.devnull], r"\b(\d+)\.(\d+)(?:\.\d+)?\s*$") >= _MIN_VERSION:
        return path
    return None


def _read_version(command: Sequence[str], pattern: str) -> tuple[int, ...]:
    try:
        result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)  # noqa: S603
    except OSError:  # for example a program for another architecture
        return ()
    match = re.search(pattern, result.stdout, re.MULTILINE)
    return tuple(map(int, match.groups())) if match else ()


def _fetch(home: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise CommandError(
            "neither jmeter 5.6 or newer nor mvn is on the PATH: install one of them "
            f"(Maven downloads JMeter {_VERSION})"
        )
    print_status(f"downloading JMeter {_VERSION} with Maven: once, about 70 MB")
    home.mkdir(parents=True, exist_ok=True)
    log = home / "maven.log"
    command = [maven, "-B", "-C", "-f", str(FOLDER / "pom.xml"), "package"]
    command += [f"-Dhome={home}", f"-Djmeter.version={_VERSION}"]
    with log.open("wb") as output:
        result = subprocess.run(command, stdout=output, stderr=subprocess.STDOUT, check=False)  # noqa: S603
    if result.returncode:
        raise CommandError(f"Maven could not download JMeter; its output, {log}, ends:\n{tail(log)}")
