"""That the one process packages as `sls package` does."""

import re
from pathlib import Path

import pytest

from tests.template.compiled import Packaged
from tools.develop.templates import SWITCHES
from tools.kit.packaging import Package, PackagingError, package


def test_one_process_writes_what_sls_package_writes(project: Path, whole: Packaged) -> None:
    whole("local", "timeout=900")
    with pytest.raises(PackagingError):
        whole("dev", "database=foo", AWS_REGION="sa-east-1")
    # Nothing of these stays.
    given = ("prod", *SWITCHES, "tags=owner=hr")
    assert _files(whole(*given)) == _files(package(project, *given))


def _files(package: Package) -> dict[str, bytes]:
    """Return what was written, without the time."""
    time = rb"\d{13}-\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
    return {file.name: re.sub(time, b"(time)", file.read_bytes()) for file in package.folder.iterdir()}
