"""Patches of private functions of the emulator and of hypercorn, installed only for known versions."""

import pytest

from tools.local import replacements
from tools.local.errors import LocalError


@pytest.mark.parametrize("package", ["ministack", "hypercorn"])
def test_unknown_version_is_refused(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(replacements.VERSIONS, package, "0.1")
    with pytest.raises(LocalError, match=rf"{package} 0\.1, but [\d.]+ is installed"):
        replacements.install_patches(lambda *_: None)
