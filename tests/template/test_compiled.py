"""`OslsProcess` packages the same files as `sls package`, and repeats a run that hangs."""

import os
import re
from contextlib import closing
from pathlib import Path

import pytest

from tests.template.compiled import OslsProcess, PackageStage
from tests.waiting import DEADLINE_SECONDS
from tools.develop.templates import SWITCHES
from tools.kit.packaging import Package, PackagingError, package


def test_osls_process_writes_the_same_files_as_sls_package(project: Path, package_with_slices: PackageStage) -> None:
    package_with_slices("local", "timeout=900")
    with pytest.raises(PackagingError):
        package_with_slices("dev", "database=foo", AWS_REGION="sa-east-1")
    # The two runs above must not affect the next one.
    arguments = ("prod", *SWITCHES, "tags=owner=intake")
    assert _files(package_with_slices(*arguments)) == _files(package(project, *arguments))


def test_run_that_hangs_is_reported_and_repeated_by_a_new_process(tmp_path: Path) -> None:
    sls = tmp_path / "sls.js"
    sls.write_text("""
        const fs = require('node:fs');
        if (fs.existsSync('tried')) console.log('packaged');
        else setInterval(() => {}, fs.openSync('tried', 'w'));
    """)

    with (
        closing(OslsProcess(sls, timeouts_seconds=(2, DEADLINE_SECONDS))) as osls_process,
        pytest.warns(UserWarning, match="within 2 s, with .*tried.* open, and was killed: .*--stage"),
    ):
        assert osls_process.output(tmp_path, ["package", "--stage", "prod"], os.environ) == (0, "packaged\n")


def _files(package: Package) -> dict[str, bytes]:
    """Return the contents of a package's files by name, without the time of packaging."""
    time = rb"\d{13}-\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
    return {file.name: re.sub(time, b"(time)", file.read_bytes()) for file in package.folder.iterdir()}
