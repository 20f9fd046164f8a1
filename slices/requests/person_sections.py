"""The slice's part of `ponto person`: an employee's requests, with their decisions."""

from slices.reports.statements import PersonSection
from slices.requests.statements import PERSON_REQUESTS

SECTIONS = [PersonSection("solicitacoes", {"en": "Requests", "pt": "Solicitações"}, PERSON_REQUESTS)]
