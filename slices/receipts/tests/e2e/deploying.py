"""What `tests/e2e/test_deploy.py` asks of a stage where nobody signs in any more."""

from typing import Any

from slices.receipts.function import NO_LIST_MESSAGE
from tools.deploy.proof import request_until
from tools.local.emulator import Emulator


def check_second_deploy(aws: Emulator, done: Any) -> None:
    """Hold the method to giving nobody's list of punches, given what `ponto deploy --json` printed."""
    key = aws.client("apigateway").get_api_key(apiKey=done["keyId"], includeValue=True)["value"]
    assert request_until(done["url"], key, None, expected=404) == {"message": NO_LIST_MESSAGE}
