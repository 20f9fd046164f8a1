"""Role with which RDS manages its network interfaces. A new account lacks it, and its first cluster may then fail.

Others report this failure: https://github.com/terraform-aws-modules/terraform-aws-rds/issues/364
"""

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from tools.kit.clock import CLOCK, Clock
from tools.kit.output import print_status
from tools.kit.target import config, explain

if TYPE_CHECKING:
    import boto3

_SERVICE = "rds.amazonaws.com"
_PROPAGATION_SECONDS = 10  # until other services see a new role


def create(session: "boto3.Session", clock: Clock = CLOCK) -> None:
    """Create the role if the account does not have it; if AWS refuses that, print the command for an administrator."""
    try:
        session.client("iam", config=config()).create_service_linked_role(AWSServiceName=_SERVICE)
    except ClientError as error:
        if "has been taken" not in error.response["Error"].get("Message", ""):
            print_status(
                f"not created: the role that RDS needs ({explain(error)}). If the account lacks it, have an "
                f"administrator run: aws iam create-service-linked-role --aws-service-name {_SERVICE}"
            )
        return
    print_status("created the role AWSServiceRoleForRDS, which RDS needs")
    clock.sleep(_PROPAGATION_SECONDS)
