"""Replacements of private functions of the emulator and of hypercorn, made only for known versions."""

import pytest

from tools.local import adapter, replacements  # noqa: F401  the adapter registers its replacements
from tools.local.errors import LocalError


@pytest.mark.parametrize("package", ["ministack", "hypercorn"])
def test_unknown_version_is_refused_with_the_list_of_replacements(
    package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(replacements.VERSIONS, package, "0.1")

    with pytest.raises(LocalError, match=rf"than the installed ones: {package} [\d.]+, not 0\.1\. ") as stopped:
        replacements.replace(lambda *_: None)

    for replaced in ("ministack.services.sqs._receive_messages_for_esm, until", "TCPServer._idle_timeout, until"):
        assert replaced in str(stopped.value)
