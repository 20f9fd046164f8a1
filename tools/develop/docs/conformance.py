"""The rules that `ponto conformance` judges a client by, as a table."""

from tools.conformance.rules import RULES


def table() -> str:
    """Give the table of rules for a document."""
    rows = [f"| {rule.name} | {rule.asks} | {rule.convicts} |" for rule in RULES]
    return "\n".join(["| verdict | what the contract asks | what convicts |", "|---|---|---|", *rows])
