"""Names of stages, of which none may begin with another and a hyphen, or with `deploy`.

The role that deploys a stage may change the roles, functions and buckets whose names begin with `SERVICE-STAGE-`
(.github/deploy-role.yml). With a stage `prod-eu` beside `prod` these would be both stages'.
`SERVICE-deploy-STAGE` is the stack of that role itself.
"""

import re
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from tools.kit.errors import CommandError
from tools.kit.osls import service
from tools.kit.output import print_status
from tools.kit.target import explain

if TYPE_CHECKING:
    import boto3


_RESERVED = "deploy"


def require_allowed(stage: str) -> None:
    """Refuse a stage whose stack would have the name of a deploying role's stack."""
    if stage == _RESERVED or stage.startswith(f"{_RESERVED}-"):
        raise CommandError(
            f"no stage may be called {stage}: {service()}-{_RESERVED}-... are the stacks of the roles that deploy "
            "(docs/deploy.md#names-of-stages).\nNothing was deployed. Choose another name."
        )


def require_distinct(session: "boto3.Session", stage: str, *, force: bool = False) -> None:
    """Refuse a stage whose name begins with that of another stage of the account, or is such a beginning.

    The other stages are those whose gateway has a role, in all regions: IAM has none. If the caller may not list roles,
    a line says that this was not checked.

    Args:
        force: print the message and go on.
    """
    try:
        names = list(session.client("iam").get_paginator("list_roles").paginate().search("Roles[].RoleName"))
    except (BotoCoreError, ClientError) as error:
        print_status(f"not checked: whether the stage's name is the beginning of another's, for {explain(error)}")
        return
    matches = (re.fullmatch(rf"{re.escape(service())}-(.+)-ApiRole-\w+", name) for name in names)
    others = {match[1] for match in matches if match}
    overlapping = sorted(each for each in others if each.startswith(f"{stage}-") or stage.startswith(f"{each}-"))
    if not overlapping:
        return
    message = (
        f"the names of stage {stage} and stage {', '.join(overlapping)} overlap: one is the beginning of the other up "
        "to a hyphen, so the role that deploys the one may change the other (docs/deploy.md#names-of-stages)."
    )
    if not force:
        raise CommandError(f"{message}\nNothing was deployed. Choose another name; with --force it is deployed.")
    print_status(message, "Going on, as --force says.")
