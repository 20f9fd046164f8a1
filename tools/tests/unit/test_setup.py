"""The installation of packages: pip's settings for uv."""

from tools.kit import install


def test_settings_of_pip_are_passed_to_uv_after_its_own_variables() -> None:
    pip = (
        ":env:.index-url='https://two'\nglobal.index-url='https://one'"
        "\ninstall.extra-index-url='\\nhttps://three\\nhttps://four'\nglobal.cert='/ca.pem'"
        "\ndownload.trusted-host='no'\nglobal.no-index='false'\nglobal.proxy='http://proxy:3128'"
    )

    assert install.uv_environment(pip, {"SSL_CERT_FILE": "/own.pem"}) == {
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_SYSTEM_CERTS": "true",
        "UV_DEFAULT_INDEX": "https://two",
        "UV_INDEX": "https://three https://four",
        "ALL_PROXY": "http://proxy:3128",
        "SSL_CERT_FILE": "/own.pem",
    }
