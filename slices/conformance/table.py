"""The rules as a document has them."""

from slices.conformance.rules import RULES


def rules() -> str:
    """Give the table of rules for a document."""
    rows = [f"| {rule.name} | {rule.asks} | {rule.convicts} |" for rule in RULES]
    return "\n".join(["| verdict | what the contract asks | what convicts |", "|---|---|---|", *rows])
