"""The statement about corrections that `ponto person` runs."""

from slices.corrections.statements import PERSON_CORRECTIONS

STATEMENTS = [PERSON_CORRECTIONS]
