"""Patches of private functions of the emulator and of hypercorn, installed only for known versions."""

import pytest

from tools.local import adapter, replacements  # noqa: F401  the adapter registers its patches
from tools.local.errors import LocalError


@pytest.mark.parametrize("package", ["ministack", "hypercorn"])
def test_unknown_version_is_refused_with_the_list_of_patches(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(replacements.VERSIONS, package, "0.1")

    with pytest.raises(LocalError, match=rf"than the installed ones: {package} [\d.]+, not 0\.1\. ") as error:
        replacements.install_patches(lambda *_: None)

    for function in ("ministack.services.sqs._receive_messages_for_esm", "TCPServer._idle_timeout"):
        assert f"{function} (needed until " in str(error.value)
