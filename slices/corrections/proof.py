"""Smoke test of a deploy: sends a correction that the table has to refuse."""

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

_PROVEN = "a test correction reached the table, which refused it as it should"
_NOT_PROVEN = "the stage is deployed and migrated, and stores punches, but the test of corrections failed"
_RETRY_SECONDS = 2
_IAM_DENIAL = "not authorized to perform"  # by IAM; the 403 of a method that is not published yet has another message


def prove(session: "boto3.Session", stage: str, url: str, clock: Clock = CLOCK) -> str | None:
    """Test that corrections reach their table.

    The test correction undoes a correction that does not exist. The table has to refuse it, so nothing is written.

    Args:
        session: has the deployer's credentials, which sign the request.
        stage: name of the stage.
        url: address of `POST /ponto`.
        clock: measures the waits between attempts.

    Returns:
        The result to print; None, after a printed notice, if IAM does not allow the deployer to write corrections.

    Raises:
        CommandError: the API answered anything else.
        botocore.exceptions.NoCredentialsError: the session has no credentials.
    """
    print_status("sending a test correction, which has to be refused")
    unknown_id = str(uuid.uuid4())
    end = clock.monotonic() + PUBLICATION_SECONDS
    while True:
        try:
            post_corrections(
                url, session, stage, [{"tipo": "anulacao", "alvo": unknown_id, "motivo": "proof of a deploy"}], clock
            )
            outcome = f"the test correction was not refused, although {unknown_id}, which it undoes, does not exist"
        except CorrectionsRefusedError as refused:
            outcome = refused.reasons[0]
            if unknown_id in outcome:  # the reason is the table's, which names the id
                return _PROVEN
        except NotAllowedError as error:
            if _IAM_DENIAL in str(error):
                print_status(f"corrections are not tested: {error}")
                return None
            if clock.monotonic() <= end:
                clock.sleep(_RETRY_SECONDS)  # API Gateway takes a while to publish a new method
                continue
            outcome = str(error)
        except CommandError as error:
            outcome = str(error)
        raise CommandError(
            f"{_NOT_PROVEN}: {outcome}\nAfter a 5xx, check that the gateway may invoke the function. If GitHub deploys "
            "the stage, deploy the stack of .github/deploy-role.yml again, and then the stage.",
            status=1,
        )
