"""The API as an import sees it: each punch is sent until it is accepted, or is known never to be."""

from collections.abc import Sequence

from slices.imports.batches import SendFailedError
from slices.imports.lines import FileLine
from tools.kit.client import FINAL_STATUSES, MAX_CONCURRENT_PUNCHES, Client, NoFinalResponseError
from tools.kit.clock import Clock

_TIMEOUT_SECONDS = 300  # s without an answer but 429 and 5xx, after which the import stops, to be gone on with
_FIRST_DELAY_SECONDS = 0.5  # s
_ACCEPTED = 202
_FATAL_STATUSES = {
    401: "the stage asks for a sign-in, which a file has not: put the file into its bucket (slices/imports/README.md)",
    403: "the key is wrong, or was revoked",
    404: "there is no such address",
}


class ApiSender:
    """Where punches are posted. For several threads."""

    def __init__(self, url: str, key: str, clock: Clock) -> None:
        """Connects to nothing.

        Args:
            url: of `POST /ponto`.
            key: the API key; it is sent and never shown.
            clock: by which it waits.
        """
        self._client = Client(
            url,
            {"content-type": "application/json", "x-api-key": key},
            timeout_seconds=_TIMEOUT_SECONDS,
            threads=MAX_CONCURRENT_PUNCHES,
            final_statuses=FINAL_STATUSES | _FATAL_STATUSES.keys(),
            first_wait_seconds=_FIRST_DELAY_SECONDS,
            clock=clock,
        )

    def stop(self) -> None:
        """Let nobody wait any longer."""
        self._client.stop()

    def send(self, punches: Sequence[FileLine], _: float) -> dict[int, str]:
        """Send punches one after the other; see `slices.imports.batches.Send`.

        Raises:
            SendFailedError: the API is closed to this key, or has not accepted one for minutes.
        """
        answers = {punch.number: self._refusal(punch.body) for punch in punches}
        return {number: why for number, why in answers.items() if why}

    def _refusal(self, body: str) -> str:
        """Send a punch until the API has it; return why it never will, or nothing."""
        try:
            answer = self._client.send(body.encode())
        except NoFinalResponseError as error:
            raise SendFailedError(str(error)) from None
        if answer.status in _FATAL_STATUSES:
            raise SendFailedError(f"answered {answer.status}: {_FATAL_STATUSES[answer.status]}")
        return "" if answer.status == _ACCEPTED else answer.message or f"answered {answer.status}"
