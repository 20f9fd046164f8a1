"""Check of the page on the stage that `tools/tests/e2e/test_deploy.py` deploys."""

import re
from typing import Any

from slices.page import site
from slices.page.publish import INDEX
from tools.local.emulator import Emulator


def parameter() -> str:
    """Return the parameter that turns the page on."""
    return "site=true"


def check(aws: Emulator, done: Any) -> None:
    """Check that CloudFront's bucket has the page, and that the deploy printed the page's URL.

    Args:
        aws: the emulator.
        done: the output of `ponto deploy --json`.
    """
    s3 = aws.client("s3")
    (name,) = (bucket["Name"] for bucket in s3.list_buckets()["Buckets"] if "sitebucket" in bucket["Name"])
    page = s3.get_object(Bucket=name, Key=INDEX)
    assert (page["Body"].read(), page["CacheControl"]) == (site.files()[""].body, "no-cache")
    assert re.fullmatch(r"https://\w+\.cloudfront\.[\w.]+/", done["pageUrl"])
