"""The page for employees, put where CloudFront fetches it (`resources/site.js`)."""

from typing import Any

from tools.kit import site

INDEX = "index.html"
"""The object of the page itself: the distribution's DefaultRootObject."""

_LAST = ("", "sw.js")  # the page names the other files; the worker holds the hashes of all


def publish(s3: Any, bucket: str) -> None:
    """Make a bucket hold the files of the page, and nothing else.

    What names others is written after them. A browser that comes in between takes no mixture for a version: its worker
    compares hashes, and tries again later.

    Args:
        s3: boto3's client.
        bucket: the name of the bucket.

    Raises:
        botocore.exceptions.BotoCoreError, ClientError: S3 did not answer, or refused.
    """
    files = site.files()
    for name in sorted(files, key=lambda name: (name in _LAST, name)):
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
