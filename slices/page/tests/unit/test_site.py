"""Tests of the page's files, their headers and their hashes."""

import base64
import hashlib
import json
import posixpath
import re
from pathlib import Path
from typing import Any

from slices.page import site
from tools.kit.static import File

IMPORTS = re.compile(r"\b(?:from|import) \"(\.[\w./-]+)\"")


def hashes(files: dict[str, File]) -> Any:
    match = re.search(rb"^const SHELL = (\{.*\})$", files["sw.js"].body, re.MULTILINE)
    assert match
    return json.loads(match[1])


def test_the_worker_has_the_hash_of_every_other_file() -> None:
    files = site.files()

    file_hashes = hashes(files)
    file_hashes.pop("sw.js")
    assert file_hashes == {
        name: base64.b64encode(
            hashlib.sha256((b"" if name else file.headers["content-security-policy"].encode()) + file.body).digest()
        ).decode()
        for name, file in files.items()
        if name != "sw.js"
    }


def test_every_file_has_its_type_and_the_strict_policy() -> None:
    for name, file in site.files().items():
        assert file.headers["content-type"], name
        policy = file.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; ")
        assert "unsafe-" not in policy
        assert "*" not in policy
        assert file.headers["cache-control"] == "no-cache"


def test_a_user_pool_is_in_the_settings_and_the_policy_allows_requests_to_it() -> None:
    pool = site.SignIn.from_domain("ponto.example", "client")
    without, with_pool = site.files(), site.files(sign_in=pool)

    settings = json.loads(without["config.json"].body)
    assert "signIn" not in settings
    assert json.loads(with_pool["config.json"].body) == settings | {"signIn": pool._asdict()}
    assert "connect-src 'self'; " in without[""].headers["content-security-policy"]
    assert "connect-src 'self' https://ponto.example; " in with_pool[""].headers["content-security-policy"]
    endpoints = [
        f"https://ponto.example/{path}" for path in ("oauth2/authorize", "oauth2/token", "oauth2/revoke", "logout")
    ]
    assert pool == (*endpoints, "client")
    assert hashes(without)["sw.js"] != hashes(with_pool)["sw.js"]


def test_files_of_another_slice_are_part_of_the_version(tmp_path: Path) -> None:
    (tmp_path / "page.js").write_text("export function start() {}")
    without, with_slice = site.files(additions={}), site.files(additions={"notes": tmp_path})

    assert with_slice.keys() - without.keys() == {"notes/page.js"}
    assert json.loads(with_slice["config.json"].body)["modules"] == ["notes/page.js"]
    assert "notes/page.js" in hashes(with_slice)
    assert site.WEB not in site.slice_folders().values()


def test_the_page_loads_nothing_from_other_origins_and_every_import_is_a_file() -> None:
    files = site.files()
    for name, file in files.items():
        if not name.endswith(".png"):
            text = file.body.decode()
            assert re.findall(r"https?://(?!www\.w3\.org/2000/svg)", text) == [], name
            imported = {posixpath.normpath(f"{name}/../{path}") for path in IMPORTS.findall(text)}
            assert imported <= files.keys(), name
