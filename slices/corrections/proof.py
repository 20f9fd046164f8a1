"""What a deploy proves of corrections: that they reach their table, by one that it refuses."""

import uuid
from typing import TYPE_CHECKING

from slices.corrections.send import NotAllowedError, post
from slices.corrections.write import RefusedError
from tools.kit.client import PUBLISHED_SECONDS
from tools.kit.clock import CLOCK, Clock
from tools.kit.errors import CommandError
from tools.kit.output import print_status

if TYPE_CHECKING:
    import boto3

_PROVEN = "corrections reach their table, which refused one"
_NOT_PROVEN = "the stage is deployed and migrated, and stores punches, but it is not proven that it takes corrections"
_WAIT = 2  # s
_DENIED = "not authorized to perform"  # what IAM says by the gateway, unlike a method that is not published yet


def prove(session: "boto3.Session", stage: str, url: str, clock: Clock = CLOCK) -> str | None:
    """Prove that corrections reach their table, by one that it refuses: it undoes what is not there, so writes nothing.

    Args:
        session: of whoever deploys, who signs it.
        stage: the stage.
        url: where the API takes punches.
        clock: by which it waits.

    Returns:
        What is proven; None: IAM does not let whoever deploys write corrections, which is said.

    Raises:
        CommandError: it was answered otherwise.
        botocore.exceptions.NoCredentialsError: the session has none.
    """
    print_status("sending a correction that is refused")
    nothing = str(uuid.uuid4())
    end = clock.monotonic() + PUBLISHED_SECONDS
    while True:
        try:
            post(url, session, stage, [{"tipo": "anulacao", "alvo": nothing, "motivo": "proof of a deploy"}], clock)
            answered = f"the one that undoes {nothing}, which is not there, was not refused"
        except RefusedError as refused:
            answered = refused.reasons[0]
            if nothing in answered:  # as the table says it; the form of a correction is checked before
                return _PROVEN
        except NotAllowedError as error:
            if _DENIED in str(error):
                print_status(f"not proven: corrections, for the API {error}")
                return None
            if clock.monotonic() <= end:
                clock.sleep(_WAIT)  # a new method takes a moment to be known, as a new key does
                continue
            answered = str(error)
        except CommandError as error:
            answered = str(error)
        raise CommandError(
            f"{_NOT_PROVEN}: {answered}\nOf a 5xx: may the gateway invoke the function? Where GitHub deploys the "
            "stage, deploy the stack of .github/deploy-role.yml again, and then the stage.",
            status=1,
        )
