"""Hooks of the function `schema`: a step after migrations that stores the employer, and the action `load_employees`."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from ponto.schema.actions import SchemaHooks
from ponto.shared.config import ConfigurationError
from ponto.shared.connection import Parameters
from slices.reports import employees, employer


def employer_step(environment: Mapping[str, str]) -> "partial[None]":
    """Return the step that stores the employer of the environment variable EMPLOYER after migrations.

    Raises:
        ConfigurationError: EMPLOYER is invalid.
    """
    text = environment.get("EMPLOYER", "")
    try:
        parsed = employer.parse_employer(text) if text else ""
    except ValueError as error:  # the message must not quote the value, which may contain a CPF
        raise ConfigurationError(
            f"EMPLOYER: {error}; expected a value like Padaria Sol Ltda., CNPJ 11.222.333/0001-81."
        ) from None
    return partial(employer.store, employer=parsed)


def _load(owner: Parameters, event: Mapping[str, Any]) -> dict[str, Any]:
    return employees.load(owner, event["employees"], dry_run=event["dryRun"])


HOOKS = SchemaHooks(
    # Event: {"action": "load_employees", "employees": [...], "dryRun": false}; see `employees.load`.
    actions={"load_employees": _load},
    prepare_post_migration=employer_step,
)
