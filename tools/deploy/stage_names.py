"""Checks of stage names: none may begin with another one and a hyphen, or with `deploy-`.

The role that deploys a stage may change roles, functions and buckets whose names begin with `SERVICE-STAGE-`
(.github/deploy-role.yml). The role of `prod` could therefore change those of a stage `prod-eu`.
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
    """Refuse a stage whose stack could have the name of the stack of a deploying role."""
    if stage == _RESERVED or stage.startswith(f"{_RESERVED}-"):
        raise CommandError(
            f"a stage cannot be named {stage}: the stacks {service()}-{_RESERVED}-... belong to the roles that deploy "
            "(docs/deploy.md#names-of-stages).\nNothing was deployed. Choose another name."
        )


def require_distinct(session: "boto3.Session", stage: str, *, force: bool = False) -> None:
    """Refuse a stage if its name and another stage's overlap: one begins with the other and a hyphen.

    The other stages, in all regions, are found by the role of their gateway. If the caller may not list roles, print
    that this was not checked.

    Args:
        force: only print the message.
    """
    try:
        names = list(session.client("iam").get_paginator("list_roles").paginate().search("Roles[].RoleName"))
    except (BotoCoreError, ClientError) as error:
        print_status(f"not checked: whether the stage's name overlaps with another's ({explain(error)})")
        return
    matches = (re.fullmatch(rf"{re.escape(service())}-(.+)-ApiRole-\w+", name) for name in names)
    others = {match[1] for match in matches if match}
    overlapping = sorted(other for other in others if other.startswith(f"{stage}-") or stage.startswith(f"{other}-"))
    if not overlapping:
        return
    message = (
        f"the names of stage {stage} and stage {', '.join(overlapping)} overlap: one begins with the other and a "
        "hyphen, so the role that deploys one may change the other (docs/deploy.md#names-of-stages)."
    )
    if not force:
        raise CommandError(f"{message}\nNothing was deployed. Choose another name, or deploy with --force.")
    print_status(message, "Continuing because of --force.")
