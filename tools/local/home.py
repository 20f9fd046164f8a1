"""Page at the root of the local stack, with links to its pages."""

import html
import json
from collections.abc import Callable, Mapping
from pathlib import Path

from tools.kit import static
from tools.kit.project import ROOT
from tools.local import flow

_OPENAPI = "openapi.json"
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>The local stack</title>
<link rel="icon" href="{view}icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="{view}view.css">
</head>
<body>
<header><h1>The local stack</h1></header>
<main>
<section>
<ul>
{items}
</ul>
<p>If a page asks for a key, open the link to it that make run printed last; the link ends in #key=</p>
</section>
</main>
</body>
</html>
"""


def files(state: Path, link_texts: Mapping[str, str]) -> Callable[[], dict[str, static.File]]:
    """Return a function that reads the page and the API's description, by their paths.

    Both are served without a key, as they have no secrets.

    Args:
        state: folder of the stack.
        link_texts: texts of the links to slices' pages, by the keys of their addresses in stack.json.
    """

    def read() -> dict[str, static.File]:
        address = _read_address(state)
        links = {
            flow.PATH: "Live view of the punches that pass through the stack",
            **{address[name]: text for name, text in link_texts.items() if name in address},
            f"/{_OPENAPI}": "OpenAPI 3.1 description of the API; docs/clients.md has the rules for clients",
        }
        items = [f'<li><a href="{html.escape(link)}">{html.escape(text)}</a></li>' for link, text in links.items()]
        page = _PAGE.format(view=flow.PATH, items="\n".join(items)).encode()
        openapi = (ROOT / "docs" / _OPENAPI).read_bytes()
        return {
            "": static.File(page, {"content-type": "text/html; charset=utf-8", **static.HEADERS}),
            _OPENAPI: static.File(openapi, {"content-type": "application/json", **static.HEADERS}),
        }

    return read


def api_url(state: Path) -> str:
    """Return the API's URL, or where to find it."""
    return _read_address(state).get("api_url", "the API's URL, which make run prints")


def _read_address(state: Path) -> dict[str, str]:
    try:
        address: dict[str, str] = json.loads((state / "stack.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}  # the stack is starting or stopping
    return address
