"""What a deploy proves of corrections: that they reach their table, by one that it refuses."""

import uuid
from typing import TYPE_CHECKING

from slices.corrections.send import NotAllowedError, post_corrections
from slices.corrections.write import CorrectionsRefusedError
from tools.kit.client import PUBLICATION_SECONDS
from tools.kit.clock import CLOCK, Clock
from tools.kit.errors import CommandError
from tools.kit.output import print_status

if TYPE_CHECKING:
    import boto3

_PROVEN = "corrections reach their table, which refused one"
_NOT_PROVEN = "the stage is deployed and migrated, and stores punches, but it is not proven that it takes corrections"
_RETRY_SECONDS = 2
_IAM_DENIAL = "not authorized to perform"  # what IAM says by the gateway, unlike a method that is not published yet


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
    unknown_id = str(uuid.uuid4())
    end = clock.monotonic() + PUBLICATION_SECONDS
    while True:
        try:
            post_corrections(
                url, session, stage, [{"tipo": "anulacao", "alvo": unknown_id, "motivo": "proof of a deploy"}], clock
            )
            outcome = f"the one that undoes {unknown_id}, which is not there, was not refused"
        except CorrectionsRefusedError as refused:
            outcome = refused.reasons[0]
            if unknown_id in outcome:  # as the table says it; the form of a correction is checked before
                return _PROVEN
        except NotAllowedError as error:
            if _IAM_DENIAL in str(error):
                print_status(f"not proven: corrections, for the API {error}")
                return None
            if clock.monotonic() <= end:
                clock.sleep(_RETRY_SECONDS)  # a new method takes a moment to be known, as a new key does
                continue
            outcome = str(error)
        except CommandError as error:
            outcome = str(error)
        raise CommandError(
            f"{_NOT_PROVEN}: {outcome}\nOf a 5xx: may the gateway invoke the function? Where GitHub deploys the "
            "stage, deploy the stack of .github/deploy-role.yml again, and then the stage.",
            status=1,
        )
