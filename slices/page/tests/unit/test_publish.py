"""Tests of the upload of the page's files to the bucket that CloudFront reads."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from slices.page import publish, site
from tests.aws import Calls
from tests.events import aws

BUCKET = "site"


@pytest.fixture
def s3() -> Iterator[Any]:
    with aws():
        client = boto3.client("s3")
        client.create_bucket(Bucket=BUCKET)
        yield client


def test_files_are_uploaded_the_page_and_its_worker_last_and_then_old_files_are_deleted(
    s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3.put_object(Bucket=BUCKET, Key="old.js", Body=b"1")
    s3.put_object(Bucket=BUCKET, Key="page.js", Body=b"2")
    calls = Calls(monkeypatch)

    publish.publish(s3, BUCKET)

    changed = [call.parameters["Key"] for call in calls.history if call.operation in ("PutObject", "DeleteObject")]
    files = site.files()
    assert changed[-4:] == ["page.js", "index.html", "sw.js", "old.js"]
    assert sorted(changed[:-1]) == sorted(name or "index.html" for name in files)
    for name, file in files.items():
        item = s3.get_object(Bucket=BUCKET, Key=name or "index.html")
        assert item["Body"].read() == file.body
        assert (item["ContentType"], item["CacheControl"]) == (file.headers["content-type"], "no-cache")


SIGN_IN = {
    "PageSignInDomain": "ponto.auth.sa-east-1.amazoncognito.com",
    "PageSignInClientId": "1h57kf5cpq17m0eml12EXAMPLE",
}


@pytest.mark.parametrize("needs_token", [False, True])
@pytest.mark.parametrize("sign_in", [None, SIGN_IN])
def test_the_page_has_its_user_pool_or_the_deploy_warns_that_it_is_missing(
    s3: Any, sign_in: dict[str, str] | None, needs_token: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    outputs = {"SiteBucketName": BUCKET, "PageUrl": "https://d1.example.com/", "ApiKeyId": "k"} | (sign_in or {})
    assert publish.publish_stage(boto3.Session(), outputs, needs_token=needs_token) == "https://d1.example.com/"

    settings = json.loads(s3.get_object(Bucket=BUCKET, Key="config.json")["Body"].read())
    pool = site.SignIn.from_domain(*sign_in.values()) if sign_in else None
    assert settings.get("signIn") == (pool and pool._asdict())
    assert ("employees cannot sign in on it" in capsys.readouterr().err) == (needs_token and not sign_in)


@pytest.mark.parametrize(
    ("outputs", "modules"),
    [
        ({}, []),
        (SIGN_IN, ["time_notes/page.js"]),
        ({"TimeNotesWithoutSignIn": "true"}, ["time_notes/page.js"]),
        ({"TimeNotesWithoutSignIn": "false"}, []),
    ],
)
def test_page_has_files_of_a_slice_only_where_employees_can_use_them(
    s3: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, outputs: dict[str, str], modules: list[str]
) -> None:
    monkeypatch.setattr(site, "slice_folders", lambda: {"time_notes": tmp_path})
    outputs = {"SiteBucketName": BUCKET, "PageUrl": "https://d1.example.com/", **outputs}

    publish.publish_stage(boto3.Session(), outputs, needs_token=False)

    settings = json.loads(s3.get_object(Bucket=BUCKET, Key="config.json")["Body"].read())
    assert settings["modules"] == modules
