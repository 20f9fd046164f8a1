"""Compiled templates and zips, each made once for all tests."""

import contextlib
import json
import os
import subprocess
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from select import select
from subprocess import PIPE
from zipfile import ZipFile

import psutil
import pytest

from tests.waiting import DEADLINE_SECONDS
from tools.develop.templates import SWITCHES
from tools.kit import osls, parameters, slices
from tools.kit.packaging import NO_AWS, Package, Template, copy_project, package
from tools.kit.project import ROOT

ARN = "arn:aws:secretsmanager:sa-east-1:123456789012:secret:ponto-AbCdEf"  # of an existing database's secret

TOPIC = "arn:aws:sns:us-east-1:123456789012:oncall"

with slices.without_slices():
    _REFERENCE_PARAMETERS = parameters.declarations().keys()
SIGN_IN_PARAMETERS = [
    f"{name}=arn:aws:cognito-idp:us-east-1:123456789012:userpool/us-east-1_AbCdEfGhI"
    for name, declaration in parameters.declarations().items()
    if name not in _REFERENCE_PARAMETERS and declaration.get("unit") == "ARN"
]
"""Parameters by which employees must sign in, where a slice has any: slices name nothing else by its ARN."""

# Given a stage, parameters as for --param, `name=value`, and variables of AWS'. Both go without requirements.
PackageStage = Callable[..., Package]
CompileStage = Callable[..., Template]

PackageProject = Callable[..., Package]  # packaging.package, by one process of osls for all tests


def copy_without_requirements(folder: Path, *, with_slices: bool = True) -> Path:
    """Copy the project without requirements, which compiles fast.

    Its Node packages are beside it, where Node finds them too, and osls does not look for what to zip: it walks through
    all of a project, for a third of the time.
    """
    project = copy_project(folder / "project", with_slices=with_slices)
    (project / "node_modules").rename(folder / "node_modules")
    return project


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the project. Tests do not write to it."""
    return copy_without_requirements(tmp_path_factory.mktemp("compiled"))


@pytest.fixture
def bare_project(tmp_path: Path) -> Path:
    """Return a copy of the project without slices, for a test to change."""
    return copy_without_requirements(tmp_path, with_slices=False)


def add_slice(project: Path, name: str, aws: str) -> None:
    """Add a slice with this aws.yml to a copy."""
    (project / "slices" / name).mkdir()
    (project / "slices" / name / "aws.yml").write_text(aws)
    enable_slice(project, name)


def enable_slice(project: Path, name: str) -> None:
    with (project / "slices" / "enabled.txt").open("a") as file:
        file.write(f"{name}\n")


class OslsProcess:
    """Runs `sls` again and again in one process, by osls.js, in a third of the time of as many processes.

    Rarely, osls stops in the middle of a zip and waits for ever, for an unknown reason. Then the process is killed, and
    another one runs the same command.
    """

    def __init__(
        self, sls: Path = ROOT / "node_modules" / ".bin" / "sls", seconds: Sequence[float] = (60, DEADLINE_SECONDS)
    ) -> None:
        """Start the process.

        Args:
            sls: what it runs.
            seconds: how long each try may take.
        """
        self._sls = str(sls)
        self._seconds = seconds
        self._process = self._start()

    def run(
        self, command: str, options: Sequence[str], environment: Mapping[str, str], log: Path, project: Path
    ) -> int:
        """Run osls, as osls.run does."""
        status, printed = self.output(project, [command, *options], environment)
        log.write_text(printed)
        return status

    def output(self, project: Path, words: Sequence[str], environment: Mapping[str, str]) -> tuple[int, str]:
        """Run osls in a project; return its exit status, and what it printed."""
        request = {
            "sls": self._sls,
            "project": str(project),
            "options": words,
            "environment": {**environment, "PATH": osls.search_path(environment)},
        }
        for seconds in self._seconds:
            if response := self._send(json.dumps(request), seconds):
                result = json.loads(response)
                return int(result["status"]), str(result["printed"])
        raise AssertionError(f"sls {' '.join(words)} was tried {len(self._seconds)} times, and did not end")

    def close(self) -> None:
        self._process.communicate()

    def _start(self) -> subprocess.Popen[str]:
        environment = {**os.environ, "PATH": osls.search_path(os.environ)}
        program = Path(__file__).with_name("osls.js")
        return subprocess.Popen(["node", program], env=environment, stdin=PIPE, stdout=PIPE, text=True)

    def _send(self, request: str, seconds: float) -> str | None:
        """Return the process's line of response; None: it did not come in time, and another process stands ready."""
        assert self._process.stdin
        assert self._process.stdout
        print(request, file=self._process.stdin, flush=True)
        if select([self._process.stdout], [], [], seconds)[0]:
            response = self._process.stdout.readline()
            assert response, "osls.js has ended, as it says above"
            return response
        own = psutil.Process(self._process.pid)  # on some machines a program that starts Node
        processes = [own, *own.children(recursive=True)]
        files = [file.path for process in processes for file in process.open_files()]
        for process in processes:
            process.kill()
        self._process.communicate()
        self._process = self._start()
        with warnings.catch_warnings():
            warnings.simplefilter("always")  # shown, and no error
            warnings.warn(
                f"osls did not end within {seconds} s, with {files} open, and was killed: {request}", stacklevel=2
            )
        return None


@pytest.fixture(scope="session")
def osls_process() -> Iterator[OslsProcess]:
    with contextlib.closing(OslsProcess()) as one:
        yield one


@pytest.fixture(scope="session")
def package_project(osls_process: OslsProcess) -> PackageProject:
    """Package any project, each time anew."""
    return partial(package, run_sls=osls_process.run)


def _cached_package(project: Path, package_project: PackageProject) -> PackageStage:
    return cache(lambda stage, *given, **aws: package_project(project, stage, *given, aws=NO_AWS | aws))


@pytest.fixture(scope="session")
def package_with_slices(project: Path, package_project: PackageProject) -> PackageStage:
    """Package the project with all slices that there are."""
    return _cached_package(project, package_project)


@pytest.fixture(scope="session")
def package_reference(tmp_path_factory: pytest.TempPathFactory, package_project: PackageProject) -> PackageStage:
    """Package the reference: the project without slices."""
    return _cached_package(
        copy_without_requirements(tmp_path_factory.mktemp("bare"), with_slices=False), package_project
    )


@pytest.fixture
def package_stage(package_with_slices: PackageStage) -> PackageStage:
    """Package what a test looks at: tests/template/conftest.py gives the reference instead."""
    return package_with_slices


_template = cache(Package.template)


@pytest.fixture
def compile_stage(package_stage: PackageStage) -> CompileStage:
    return lambda stage, *parameters, **aws: _template(package_stage(stage, *parameters, **aws))


@pytest.fixture
def prod(compile_stage: CompileStage) -> Template:
    return compile_stage("prod")


@pytest.fixture
def prod_with_slices(package_with_slices: PackageStage) -> Template:
    """Return prod with all that slices may add, whatever a test looks at: rules are for all of it."""
    return _template(package_with_slices("prod", *SWITCHES))


@pytest.fixture
def dev(compile_stage: CompileStage) -> Template:
    return compile_stage("dev")


@pytest.fixture
def local(compile_stage: CompileStage) -> Template:
    return compile_stage("local")


@pytest.fixture(params=["prod", "dev", "local"])
def stage(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def template(compile_stage: CompileStage, stage: str) -> Template:
    """Return each stage in turn."""
    return compile_stage(stage)


def zip_names(package: Package) -> set[str]:
    """Return the files that a zip holds."""
    with ZipFile(package.zip_file) as archive:
        return {name for name in archive.namelist() if not name.endswith("/")}


def slice_files(package: Package, name: str) -> set[str]:
    """Return what a zip holds of a slice except its migrations, by paths below its folder."""
    folder = f"slices/{name}/"
    held = {file.removeprefix(folder) for file in zip_names(package) if file.startswith(folder)}
    return {file for file in held if not file.startswith("schema/")}


def tls_only_statement(action: str, *resources: object) -> dict[str, object]:
    """Return the statement by which a resource's policy refuses what comes without TLS."""
    return {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": action,
        "Resource": list(resources) if len(resources) > 1 else resources[0],
        "Condition": {"Bool": {"aws:SecureTransport": False}},
    }
