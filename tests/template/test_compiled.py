"""That the one process packages as `sls package` does."""

import os
import re
from contextlib import closing
from pathlib import Path

import pytest

from tests.template.compiled import OslsProcess, PackageStage
from tests.waiting import DEADLINE_SECONDS
from tools.develop.templates import SWITCHES
from tools.kit.packaging import Package, PackagingError, package


def test_one_process_writes_what_sls_package_writes(project: Path, package_with_slices: PackageStage) -> None:
    package_with_slices("local", "timeout=900")
    with pytest.raises(PackagingError):
        package_with_slices("dev", "database=foo", AWS_REGION="sa-east-1")
    # Nothing of these stays.
    given = ("prod", *SWITCHES, "tags=owner=hr")
    assert _files(package_with_slices(*given)) == _files(package(project, *given))


def test_a_run_that_does_not_end_is_reported_and_done_by_another_process(tmp_path: Path) -> None:
    sls = tmp_path / "sls.js"
    sls.write_text("""
        const fs = require('node:fs');
        if (fs.existsSync('tried')) console.log('packaged');
        else setInterval(() => {}, fs.openSync('tried', 'w'));
    """)

    with (
        closing(OslsProcess(sls, seconds=(2, DEADLINE_SECONDS))) as one,
        pytest.warns(UserWarning, match="within 2 s, with .*tried.* open, and was killed: .*--stage"),
    ):
        assert one.output(tmp_path, ["package", "--stage", "prod"], os.environ) == (0, "packaged\n")


def _files(package: Package) -> dict[str, bytes]:
    """Return what was written, without the time."""
    time = rb"\d{13}-\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
    return {file.name: re.sub(time, b"(time)", file.read_bytes()) for file in package.folder.iterdir()}
