"""Accessibility checks of a page with axe."""

from playwright.sync_api import Page

from tools.kit.project import ROOT

_AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
_FINDINGS = """axe.run({ resultTypes: ["violations"] }).then(results =>
  results.violations.map(rule => [rule.id, ...rule.nodes.map(node => node.html)]))"""


def require_no_violations(page: Page) -> None:
    """Assert that the page's current state violates no rule of axe and does not scroll horizontally."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(_AXE.read_text(encoding="utf-8"))
    assert page.evaluate(_FINDINGS) == []
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
