"""Fixtures of the template tests, which test the base; the slices' tests test the slices' additions."""

from collections.abc import Iterator

import pytest

from tests.template.compiled import PackageStage
from tools.local import emulator


@pytest.fixture
def package_stage(package_base: PackageStage) -> PackageStage:
    return package_base


@pytest.fixture(scope="session")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[emulator.Emulator]:
    """Start an emulator as the account in which a deploy looks up resources."""
    folder = tmp_path_factory.mktemp("emulator")
    running = emulator.start(emulator.find_free_port(), folder, folder / "log")
    yield running
    running.stop()
