"""Role with which RDS manages its network interfaces. A new account lacks it, and its first cluster may then fail."""

from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from tools.kit.clock import CLOCK, Clock
from tools.kit.errors import CommandError
from tools.kit.output import print_status
from tools.kit.target import config, explain

if TYPE_CHECKING:
    import boto3

_SERVICE = "rds.amazonaws.com"
_ROLE = "AWSServiceRoleForRDS"
_PROPAGATION_SECONDS = 10  # until other services see a new role


def create(session: "boto3.Session", clock: Clock = CLOCK) -> None:
    """Create the role if the account does not have it.

    Raises:
        CommandError: the user may not create it, and it does not exist.
    """
    iam = session.client("iam", config=config())
    try:
        iam.create_service_linked_role(AWSServiceName=_SERVICE)
    except ClientError as error:
        if "has been taken" in error.response["Error"].get("Message", ""):
            return
        _require_role(iam, error)
        return
    print_status(f"created the role {_ROLE}, which RDS needs")
    clock.sleep(_PROPAGATION_SECONDS)


def _require_role(iam: Any, refusal: ClientError) -> None:
    try:
        iam.get_role(RoleName=_ROLE)
    except ClientError as error:
        if error.response["Error"].get("Code") == "NoSuchEntity":
            raise CommandError(
                f"{explain(refusal)}\nRDS needs the role {_ROLE}, which this account lacks. Have an administrator run: "
                f"aws iam create-service-linked-role --aws-service-name {_SERVICE}\nNothing was deployed."
            ) from None
        print_status(f"not checked: whether the account has the role {_ROLE}, which RDS needs ({explain(error)})")
