"""Checks of stage names: none may begin with another one and a hyphen, or with `deploy-`.

The role that deploys a stage may change roles, functions and buckets whose names begin with `SERVICE-STAGE-`
(.github/deploy-role.yml). The role of `prod` could therefore change those of a stage `prod-eu`.
`SERVICE-deploy-STAGE` is the stack of that role itself.
"""

import re
from typing import TYPE_CHECKING

from tools.kit.errors import CommandError
from tools.kit.osls import service

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


def find_overlap(session: "boto3.Session", stage: str) -> str | None:
    """Return which other stages' names overlap with a stage's: one begins with the other and a hyphen.

    The other stages, in all regions, are found by the role of their gateway.
    """
    names = session.client("iam").get_paginator("list_roles").paginate().search("Roles[].RoleName")
    matches = (re.fullmatch(rf"{re.escape(service())}-(.+)-ApiRole-\w+", name) for name in names)
    others = {match[1] for match in matches if match}
    overlapping = sorted(other for other in others if other.startswith(f"{stage}-") or stage.startswith(f"{other}-"))
    if not overlapping:
        return None
    return (
        f"the names of stage {stage} and stage {', '.join(overlapping)} overlap: one begins with the other and a "
        "hyphen, so the role that deploys one may change the other (docs/deploy.md#names-of-stages). Choose another "
        "name."
    )
