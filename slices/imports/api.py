"""Sender of punches through the API."""

from collections.abc import Sequence

from slices.imports.batches import SendFailedError
from slices.imports.lines import FileLine
from tools.kit.client import FINAL_STATUSES, MAX_CONCURRENT_PUNCHES, Client, NoFinalResponseError
from tools.kit.clock import Clock

_TIMEOUT_SECONDS = 300  # for all attempts to send a punch; then the import stops, and can be resumed
_FIRST_DELAY_SECONDS = 0.5
_ACCEPTED = 202
_FATAL_STATUSES = {
    401: "the stage requires sign-in; upload the file to its bucket instead (slices/imports/README.md)",
    403: "the API key is wrong or was revoked",
    404: "the URL does not exist",
}


class ApiSender:
    """Sends punches to the API. Thread-safe."""

    def __init__(self, url: str, key: str, clock: Clock) -> None:
        """Create a sender; it connects when it sends.

        Args:
            url: the URL of `POST /ponto`.
            key: the API key; it appears in no message.
            clock: clock for the waits between retries.
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
        """End all waits and retries, in every thread."""
        self._client.stop()

    def send(self, punches: Sequence[FileLine], _: float) -> dict[int, str]:
        """Send punches one after the other; see `slices.imports.batches.SendPunches`.

        Raises:
            SendFailedError: the API rejects all requests of this key, or retries timed out.
        """
        refusals = {punch.number: self._send_punch(punch.body) for punch in punches}
        return {number: reason for number, reason in refusals.items() if reason}

    def _send_punch(self, body: str) -> str:
        """Send a punch, with retries; return the reason if the API refuses it permanently, else an empty text."""
        try:
            response = self._client.send(body.encode())
        except NoFinalResponseError as error:
            raise SendFailedError(str(error)) from None
        if response.status in _FATAL_STATUSES:
            raise SendFailedError(f"the API answered {response.status}: {_FATAL_STATUSES[response.status]}")
        return "" if response.status == _ACCEPTED else response.message or f"the API answered {response.status}"
