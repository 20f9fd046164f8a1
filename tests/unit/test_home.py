"""The page at the root of the local AWS."""

import json
import re
from pathlib import Path

from tools.kit.project import ROOT
from tools.local import home

ADDRESS = {"page_url": "http://127.0.0.1:4566/page/", "api_key": "secret", "aws_access_key_id": "LOCALKEY"}
SERVICES = {"page_url": "Punch <here>"}


def test_page_links_to_view_slices_and_api_without_a_key(tmp_path: Path) -> None:
    (tmp_path / "stack.json").write_text(json.dumps(ADDRESS))

    page = home.files(tmp_path, SERVICES)()[""].body.decode()

    assert re.findall('<a href="(.*?)"', page) == ["/flow/", "http://127.0.0.1:4566/page/", "/openapi.json"]
    assert "Punch &lt;here&gt;" in page
    assert "secret" not in page
    assert "LOCALKEY" not in page


def test_page_has_no_links_of_slices_before_the_stack_is_ready(tmp_path: Path) -> None:
    for services in ({}, SERVICES):
        files = home.files(tmp_path, services)()

        assert re.findall('<a href="(.*?)"', files[""].body.decode()) == ["/flow/", "/openapi.json"]
        assert files["openapi.json"].body == (ROOT / "docs" / "openapi.json").read_bytes()
