"""The installation of packages: pip's settings for uv, and an explained failure."""

import pytest

from tools.kit import install

REFUSED = "NewConnectionError('Failed to establish a new connection: [Errno 111] Connection refused')"


def test_settings_of_pip_are_passed_to_uv_after_its_own_variables() -> None:
    pip = (
        ":env:.index-url='https://two'\nglobal.index-url='https://one'\nglobal.find-links='/ https://links /not-there'"
        "\ninstall.extra-index-url='\\nhttps://three\\nhttps://four'\n:env:.default-timeout='180'\nglobal.cert='/ca.pem'"
        "\ndownload.trusted-host='no'\nglobal.no-index='false'\nglobal.proxy='http://proxy:3128'"
    )

    assert install.uv_environment(pip, {"SSL_CERT_FILE": "/own.pem"}) == {
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_SYSTEM_CERTS": "true",
        "UV_DEFAULT_INDEX": "https://two",
        "UV_INDEX": "https://three https://four",
        "UV_FIND_LINKS": "/,https://links",
        "UV_HTTP_TIMEOUT": "180",
        "ALL_PROXY": "http://proxy:3128",
        "SSL_CERT_FILE": "/own.pem",
    }


@pytest.mark.parametrize("printed", [REFUSED, "Temporary failure in name resolution", "npm error code ENOTFOUND"])
def test_missing_network_is_explained(printed: str) -> None:
    assert "over the network" in (install.explain_network(f"...\n{printed}\n") or "")
    assert install.explain_network("ERROR: hashes do not match") is None
