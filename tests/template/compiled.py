"""Compiled templates and zips, each made once for all tests."""

from functools import cache
from pathlib import Path
from typing import Protocol

import pytest

from tools.kit.packaging import NO_AWS, Package, Template, copy_project, package

ARN = "arn:aws:secretsmanager:sa-east-1:123456789012:secret:ponto-AbCdEf"  # of an existing database's secret

TOPIC = "arn:aws:sns:us-east-1:123456789012:oncall"

USER_POOL = "arn:aws:cognito-idp:sa-east-1:123456789012:userpool/sa-east-1_AbCdEfGhI"


class Packaged(Protocol):
    """Packages a stage without requirements, with parameters as for --param: `name=value`."""

    def __call__(self, stage: str, *parameters: str) -> Package: ...


class Compile(Protocol):
    """Compiles a stage, with parameters as for --param: `name=value`."""

    def __call__(self, stage: str, *parameters: str) -> Template: ...


class Zip(Protocol):
    """Packages a stage with all that it needs, as `make run` does; offline: where pip reaches no index."""

    def __call__(self, stage: str, *, offline: bool = False) -> Package: ...


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a copy of the project without requirements, which compiles fast. Tests do not write to it."""
    return copy_project(tmp_path_factory.mktemp("compiled") / "project")


@pytest.fixture(scope="session")
def packaged(project: Path) -> Packaged:
    return cache(lambda stage, *parameters: package(project, stage, *parameters))


@pytest.fixture(scope="session")
def compiled(packaged: Packaged) -> Compile:
    return cache(lambda stage, *parameters: packaged(stage, *parameters).template())


@pytest.fixture(scope="session")
def zipped(tmp_path_factory: pytest.TempPathFactory) -> Zip:
    folder = tmp_path_factory.mktemp("zipped")
    complete = copy_project(folder / "project", with_requirements=True)
    kept = NO_AWS | {"LOCAL_PIP_CACHE": str(folder / "pip")}

    def zipped(stage: str, *, offline: bool = False) -> Package:
        return package(complete, stage, aws=kept | ({"PIP_NO_INDEX": "1"} if offline else {}))

    return cache(zipped)


@pytest.fixture(scope="session")
def prod(compiled: Compile) -> Template:
    return compiled("prod")


@pytest.fixture(scope="session")
def complete(compiled: Compile) -> Template:
    """Give prod with uploads and page: every alarm, and all that auditors may have something against."""
    return compiled("prod", "uploads=true", "site=true")


@pytest.fixture(scope="session")
def dev(compiled: Compile) -> Template:
    return compiled("dev")


@pytest.fixture(scope="session")
def local(compiled: Compile) -> Template:
    return compiled("local")
