"""Checks of receipts for `tools/tests/e2e/test_deploy.py`, whose second deploy turns sign-in off."""

from typing import Any

from slices.receipts.function import NO_LIST_MESSAGE
from tools.local.emulator import Emulator
from tools.operate.deploy.proof import request_until


def check_second_deploy(aws: Emulator, output: Any) -> None:
    """Check that `GET /ponto` lists no punches; `output` is that of `ponto deploy --json`."""
    key = aws.client("apigateway").get_api_key(apiKey=output["keyId"], includeValue=True)["value"]
    assert request_until(output["url"], key, None, expected=404) == {"message": NO_LIST_MESSAGE}
