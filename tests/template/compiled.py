"""Fixtures that package the project and compile its template, once for each combination of parameters."""

import contextlib
import json
import os
import subprocess
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
from tools.kit import osls, slice_manifests, stage_parameters
from tools.kit.packaging import NO_AWS, Package, Template, copy_project, package
from tools.kit.project import ROOT

ARN = "arn:aws:secretsmanager:sa-east-1:123456789012:secret:ponto-AbCdEf"  # secret of an existing database

TOPIC = "arn:aws:sns:us-east-1:123456789012:oncall"

with slice_manifests.without_slices():
    _BASE_PARAMETERS = stage_parameters.declarations().keys()
SIGN_IN_PARAMETERS = [
    f"{name}=arn:aws:cognito-idp:us-east-1:123456789012:userpool/us-east-1_AbCdEfGhI"
    for name, declaration in stage_parameters.declarations().items()
    if name not in _BASE_PARAMETERS and declaration.get("unit") == "ARN"
]
"""Parameters that require sign-in: the slices' only parameters with the unit ARN."""

# Arguments: a stage, parameters as `name=value` (as for --param), and AWS_ variables as keywords. Their packages
# have no Python requirements.
PackageStage = Callable[..., Package]
CompileStage = Callable[..., Template]

PackageProject = Callable[..., Package]  # packaging.package, with one osls process for all tests


def copy_without_requirements(folder: Path, *, with_slices: bool = True) -> Path:
    """Copy the project without its Python requirements, so that it compiles fast.

    node_modules is moved to the parent folder, where Node also finds it. In the project, osls would search it for files
    to zip, which takes a third of the time.
    """
    project = copy_project(folder / "project", with_slices=with_slices)
    (project / "node_modules").rename(folder / "node_modules")
    return project


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the project that tests must not change."""
    return copy_without_requirements(tmp_path_factory.mktemp("compiled"))


@pytest.fixture
def bare_project(tmp_path: Path) -> Path:
    """Return a copy of the project without slices, which the test may change."""
    return copy_without_requirements(tmp_path, with_slices=False)


def add_slice(project: Path, name: str, aws: str, role: str = "") -> None:
    """Create and enable a slice with this aws.yml in a copy of the project, with a function.py and a database role."""
    folder = project / "slices" / name
    folder.mkdir()
    (folder / "aws.yml").write_text(f"{aws}\n")
    if role:
        (folder / "function.py").touch()
        (folder / "schema").mkdir()
        (folder / "schema" / "roles.sql").write_text(f"create role {role};\n")
    enable_slice(project, name)


def enable_slice(project: Path, name: str) -> None:
    with (project / "slices" / "enabled.txt").open("a") as file:
        file.write(f"{name}\n")


class OslsProcess:
    """Process that runs many `sls` commands, with osls.js, in a third of the time that separate processes take.

    Rarely, for an unknown reason, osls hangs while it writes a zip. The process is then killed, and a new one runs the
    command again.
    """

    def __init__(self) -> None:
        self._start()

    def run(
        self, command: str, options: Sequence[str], environment: Mapping[str, str], log: Path, project: Path
    ) -> int:
        """Run osls with the interface of `osls.run`."""
        status, printed = self.capture(project, [command, *options], environment)
        log.write_text(printed)
        return status

    def capture(self, project: Path, arguments: Sequence[str], environment: Mapping[str, str]) -> tuple[int, str]:
        """Run osls in a project; return its exit status and output."""
        request = {
            "sls": str(ROOT / "node_modules" / ".bin" / "sls"),
            "project": str(project),
            "options": arguments,
            "environment": {**environment, "PATH": osls.search_path(environment)},
        }
        for timeout_seconds in (60, DEADLINE_SECONDS):
            self._input.write(f"{json.dumps(request)}\n")
            self._input.flush()
            if select([self._output], [], [], timeout_seconds)[0]:
                response = self._output.readline()
                assert response, "osls.js has ended; its output is above"
                result = json.loads(response)
                return int(result["status"]), str(result["printed"])
            self._kill()
            self._start()
        raise AssertionError(f"sls {' '.join(arguments)} did not end")

    def close(self) -> None:
        self._process.communicate()

    def _start(self) -> None:
        environment = {**os.environ, "PATH": osls.search_path(os.environ)}
        program = Path(__file__).with_name("osls.js")
        self._process = subprocess.Popen(["node", program], env=environment, stdin=PIPE, stdout=PIPE, text=True)
        assert self._process.stdin
        assert self._process.stdout
        self._input, self._output = self._process.stdin, self._process.stdout

    def _kill(self) -> None:
        node = psutil.Process(self._process.pid)  # on some machines `node` is a program that starts Node
        for process in [node, *node.children(recursive=True)]:
            process.kill()
        self._process.communicate()


@pytest.fixture(scope="session")
def osls_process() -> Iterator[OslsProcess]:
    with contextlib.closing(OslsProcess()) as process:
        yield process


@pytest.fixture(scope="session")
def package_project(osls_process: OslsProcess) -> PackageProject:
    """Return a function that packages any project, without a cache."""
    return partial(package, run_sls=osls_process.run)


def _cached_package(project: Path, package_project: PackageProject) -> PackageStage:
    return cache(lambda stage, *parameters, **aws: package_project(project, stage, *parameters, aws=NO_AWS | aws))


@pytest.fixture(scope="session")
def package_with_slices(project: Path, package_project: PackageProject) -> PackageStage:
    """Return a function that packages the project with all slices."""
    return _cached_package(project, package_project)


@pytest.fixture(scope="session")
def package_base(tmp_path_factory: pytest.TempPathFactory, package_project: PackageProject) -> PackageStage:
    """Return a function that packages the base: the project without slices."""
    return _cached_package(
        copy_without_requirements(tmp_path_factory.mktemp("bare"), with_slices=False), package_project
    )


@pytest.fixture
def package_stage(package_with_slices: PackageStage) -> PackageStage:
    """Return a function that packages the project under test; tests/template/conftest.py replaces it."""
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
    """Return the template of prod with all slices and their optional resources."""
    return _template(package_with_slices("prod", *SWITCHES))


@pytest.fixture
def local(compile_stage: CompileStage) -> Template:
    return compile_stage("local")


@pytest.fixture(params=["prod", "dev", "local"])
def stage(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def template(compile_stage: CompileStage, stage: str) -> Template:
    """Return the template of each stage in turn."""
    return compile_stage(stage)


def zip_names(package: Package) -> set[str]:
    """Return the names of the files in a zip."""
    with ZipFile(package.zip_file) as archive:
        return {name for name in archive.namelist() if not name.endswith("/")}
