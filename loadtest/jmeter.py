"""JMeter: the one on the PATH, or one put together by Maven (pom.xml), and its runs."""

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tools.kit import jmeter
from tools.kit.errors import CommandError
from tools.kit.files import tail
from tools.kit.jmeter import MIN_JAVA_VERSION, VERSION
from tools.kit.output import print_status

FOLDER = Path(__file__).parent
PROPERTIES = FOLDER / "user.properties"
CHECKSUMS_FILE = FOLDER / "jmeter.sha256"  # of every program that Maven fetches, as sha256sum writes them
_TIMESTAMP_PROPERTY = "jmeter.save.saveservice.timestamp_format"
_HEAP = ("-Xms256m", "-Xmx1g")


class JMeter(NamedTuple):
    """A JMeter that can be started."""

    command: tuple[str, ...]
    environment: Mapping[str, str]

    @contextmanager
    def running(
        self, plan: Path, folder: Path, properties: Mapping[str, object], secret: Mapping[str, str]
    ) -> Iterator[subprocess.Popen[bytes]]:
        """Run a plan; `folder` gets results.jtl, what JMeter prints (jmeter.out), and its log.

        Args:
            plan: a .jmx file.
            folder: where to; JMeter appends to the results of an earlier run.
            properties: the plan's, by name.
            secret: those that nobody else may read. Everybody sees a process' arguments, and JMeter logs them; these
                are in a file of the user's own, for as long as the context lasts.
        """
        with tempfile.NamedTemporaryFile("w", dir=folder, suffix=".properties", encoding="ascii") as private:
            private.writelines(f"{name}={_escape(value)}\n" for name, value in secret.items())
            private.flush()
            arguments = ["-n", "-t", str(plan), "-l", str(folder / "results.jtl"), "-q", private.name]
            # Milliseconds, whatever an installation is set to. The report would take "ms" for how a date is written.
            arguments += [f"-J{name}={value}" for name, value in {_TIMESTAMP_PROPERTY: "ms", **properties}.items()]
            yield self._start(arguments, folder, "jmeter")

    def report(self, folder: Path) -> None:
        """Make the HTML report of the results in `folder`.

        Raises:
            CommandError: JMeter could not.
        """
        arguments = ["-g", str(folder / "results.jtl"), "-o", str(folder / "report")]
        if self._start(arguments, folder, "report").wait():
            raise CommandError(f"JMeter made no report; its output ends:\n{tail(folder / 'report.out')}")

    def _start(self, arguments: Sequence[str], folder: Path, name: str) -> subprocess.Popen[bytes]:
        common = ["-q", str(PROPERTIES), "-j", str(folder / f"{name}.log")]
        with (folder / f"{name}.out").open("wb") as output:
            return subprocess.Popen(  # noqa: S603  our own arguments
                [*self.command, *arguments, *common],
                cwd=folder,
                env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is ours: it ends when it has been asked to
            )


def _escape(text: str) -> str:
    """Write a text as java.util.Properties reads it, whatever is in it."""
    return re.sub("....", r"\\u\g<0>", text.encode("utf-16-be").hex())


def find(home: Path = jmeter.HOME) -> JMeter:
    """Find JMeter, and fetch it when there is none: once, about 70 MB.

    Args:
        home: where a fetched one is kept.

    Raises:
        CommandError: Java or Maven is missing or too old, Maven failed, or brought something else.
    """
    java = _java()
    if installed := jmeter.installed_path():
        return JMeter((installed,), {"HEAP": " ".join(_HEAP)})
    complete = jmeter.marker(home)
    if not complete.exists():
        if old := shutil.which("jmeter"):
            print_status(f"{old} is older than the JMeter 5.6 that the plans need, or does not tell its version")
        _fetch(home)
        verify_jars(home)
        complete.mkdir()
    at_home = f"-Djava.util.prefs.userRoot={home}"  # else it is the user's own
    return JMeter((java, *_HEAP, at_home, "-jar", str(home / "bin" / "ApacheJMeter.jar")), {})


def verify_jars(home: Path, hashes: Path = CHECKSUMS_FILE) -> None:
    """Hold each .jar of a fetched JMeter against its SHA-256.

    Raises:
        CommandError: one is missing, is another, or is not in the list.
    """
    expected = {name: digest for digest, name in (line.split() for line in hashes.read_text().splitlines())}
    found = {
        str(jar.relative_to(home)): hashlib.sha256(jar.read_bytes()).hexdigest()
        for folder in ("bin", "lib")
        for jar in (home / folder).rglob("*.jar")
    }
    wrong = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
    if wrong:
        raise CommandError(
            f"{', '.join(wrong[:3])}{' and others' * (len(wrong) > 3)} of the fetched JMeter {VERSION} is not what "
            f"loadtest/{hashes.name} names, so nothing was started. Look where Maven fetches from, then remove {home} "
            "and try again"
        )


def _java() -> str:
    java = jmeter.java_path()
    if java is None:
        raise CommandError(
            f"JMeter needs Java {MIN_JAVA_VERSION} or newer, and there is none (java on the PATH, JAVA_HOME)"
        )
    version = jmeter.java_version(java)
    if version < MIN_JAVA_VERSION:
        raise CommandError(
            f"JMeter needs Java {MIN_JAVA_VERSION} or newer; {java} is {version or 'of an unknown version'}"
        )
    return java


def _fetch(home: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise CommandError(
            f"neither jmeter 5.6 or newer nor mvn is on the PATH: install one of them (Maven fetches JMeter {VERSION})"
        )
    print_status(f"fetching JMeter {VERSION} with Maven: once, about 70 MB")
    home.mkdir(parents=True, exist_ok=True)
    log = home / "maven.log"
    command = [maven, "-B", "-C", "-f", str(FOLDER / "pom.xml"), "package"]
    command += [f"-Dhome={home}", f"-Djmeter.version={VERSION}"]
    with log.open("wb") as output:
        done = subprocess.run(command, stdout=output, stderr=subprocess.STDOUT, check=False)  # noqa: S603
    if done.returncode:
        raise CommandError(f"Maven could not fetch JMeter; its output, {log}, ends:\n{tail(log)}")
