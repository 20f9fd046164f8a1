"""The page for employees, put where CloudFront fetches it (`site.yml`)."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from slices.page import site
from tools.kit.output import print_status

if TYPE_CHECKING:
    import boto3

INDEX = "index.html"
"""The object of the page itself: the distribution's DefaultRootObject."""

_LAST = ("page.js", "", "sw.js")  # in order: what imports the others, the page that names it, the hashes of all


def publish_stage(session: "boto3.Session", outputs: Mapping[str, str], *, needs_token: bool) -> str | None:
    """Publish the page of a stage, if it has one.

    Args:
        session: which deploys.
        outputs: of the stack.
        needs_token: whether the API takes punches of employees who signed in only.

    Returns:
        The page's URL, or None.

    Raises:
        botocore.exceptions.BotoCoreError, ClientError: S3 did not answer, or refused.
    """
    if "SiteBucketName" not in outputs:
        return None
    sign_in = None
    if "PageSignInDomain" in outputs:
        sign_in = site.SignIn.at(outputs["PageSignInDomain"], outputs["PageSignInClientId"])
    print_status("publishing the page")
    if needs_token and sign_in is None:
        print_status("  nobody can sign in there yet, so punches stay on their devices: slices/page/README.md#sign-in")
    publish(session.client("s3"), outputs["SiteBucketName"], sign_in)
    return outputs["PageUrl"]


def publish(s3: Any, bucket: str, sign_in: site.SignIn | None = None) -> None:
    """Make a bucket hold the files of the page, and nothing else.

    What names others is written after them. A browser that comes in between takes no mixture for a version: its worker
    compares hashes, and tries again later.

    Args:
        s3: boto3's client.
        bucket: the name of the bucket.
        sign_in: of a stage with a user pool.

    Raises:
        botocore.exceptions.BotoCoreError, ClientError: S3 did not answer, or refused.
    """
    files = site.files(sign_in=sign_in)
    for name in (*sorted(files.keys() - set(_LAST)), *_LAST):
        body, headers = files[name]
        s3.put_object(
            Bucket=bucket,
            Key=name or INDEX,
            Body=body,
            ContentType=headers["content-type"],
            CacheControl=headers["cache-control"],
        )
    published = {name or INDEX for name in files}
    for found in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket).search("Contents[].Key"):
        if found is not None and found not in published:  # None: of a page without contents
            s3.delete_object(Bucket=bucket, Key=found)
