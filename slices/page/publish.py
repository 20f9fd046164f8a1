"""Upload of the page for employees to the bucket behind CloudFront (`site.yml`)."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slices.page import site
from tools.kit.output import print_status

if TYPE_CHECKING:
    import boto3

INDEX = "index.html"
"""Key of the page itself: the distribution's DefaultRootObject."""

# Uploaded last, in this order: page.js imports the other scripts, the page loads page.js, the worker has all hashes.
_LAST = ("page.js", "", "sw.js")


def publish_stage(session: "boto3.Session", outputs: Mapping[str, str], *, needs_token: bool) -> str | None:
    """Publish the page of a stage, if it has one.

    Args:
        session: boto3 session of the deploy.
        outputs: outputs of the stack.
        needs_token: whether the API accepts only punches of employees who have signed in.

    Returns:
        The page's URL, or None for a stage without a page.

    Raises:
        botocore.exceptions.BotoCoreError, ClientError: S3 did not respond, or refused a request.
    """
    if "SiteBucketName" not in outputs:
        return None
    sign_in = None
    if "PageSignInDomain" in outputs:
        sign_in = site.SignIn.from_domain(outputs["PageSignInDomain"], outputs["PageSignInClientId"])
    print_status("publishing the page")
    if needs_token and sign_in is None:
        print_status(
            "  employees cannot sign in on it yet, so punches stay on their devices: see slices/page/README.md#sign-in"
        )
    folders = site.slice_folders().items()
    additions = {name: folder for name, folder in folders if sign_in or outputs.get(_without_sign_in(name)) == "true"}
    publish(session.client("s3"), outputs["SiteBucketName"], sign_in, additions)
    return outputs["PageUrl"]


def _without_sign_in(slice_name: str) -> str:
    """Return the output by which a slice shows its files to employees who have not signed in."""
    return slice_name.title().replace("_", "") + "WithoutSignIn"


def publish(
    s3: Any, bucket: str, sign_in: site.SignIn | None = None, additions: Mapping[str, Path] | None = None
) -> None:
    """Upload the page's files to a bucket, and delete all other objects.

    A file is uploaded after the files that it refers to. A browser that loads the page meanwhile caches no mix of two
    versions: its worker compares hashes, and tries again later.

    Args:
        s3: boto3 client of S3.
        bucket: name of the bucket.
        sign_in: endpoints of the stage's user pool; None: the stage has none.
        additions: folders of other slices, as for `site.files`.

    Raises:
        botocore.exceptions.BotoCoreError, ClientError: S3 did not respond, or refused a request.
    """
    files = site.files(sign_in=sign_in, additions=additions)
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
    for key in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket).search("Contents[].Key"):
        if key is not None and key not in published:  # None for a result page without contents
            s3.delete_object(Bucket=bucket, Key=key)
