"""What `tests/e2e/test_deploy.py` asks about a stage that it has deployed."""

import re
from typing import Any

from slices.page import site
from slices.page.publish import INDEX
from tools.local.emulator import Emulator


def parameter() -> str:
    """Return the parameter by which there is a page."""
    return "site=true"


def check(aws: Emulator, done: Any) -> None:
    """Hold the page to being where CloudFront fetches it, as browsers need it.

    Args:
        aws: where it was deployed.
        done: what `ponto deploy --json` printed.
    """
    s3 = aws.client("s3")
    (bucket,) = (found["Name"] for found in s3.list_buckets()["Buckets"] if "sitebucket" in found["Name"])
    found = s3.get_object(Bucket=bucket, Key=INDEX)
    assert (found["Body"].read(), found["CacheControl"]) == (site.files()[""].body, "no-cache")
    assert re.fullmatch(r"https://\w+\.cloudfront\.[\w.]+/", done["pageUrl"])
