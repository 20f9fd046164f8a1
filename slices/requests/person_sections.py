"""The slice's part of `ponto person`: an employee's requests, with their decisions."""

from slices.reports.statements import PersonSection
from slices.requests.statements import PERSON_REQUESTS

SECTIONS = [
    PersonSection(
        "solicitacoes",
        {"en": "Requests", "pt": "Solicitações"},
        PERSON_REQUESTS,
        columns=("criada_em", "tipo", "ponto", "motivo", "situacao", "recusa_motivo"),
        labels={
            "criada_em": {"en": "Sent", "pt": "Enviada em"},
            "tipo": {"en": "Kind", "pt": "Tipo"},
            "ponto": {"en": "Punch", "pt": "Batida"},
            "recusa_motivo": {"en": "Reason of the refusal", "pt": "Motivo da recusa"},
            "recusa_autor": {"en": "Refused by", "pt": "Recusada por"},
            "recusa_em": {"en": "Refused", "pt": "Recusada em"},
            "batida_id": {"en": "Punch's id", "pt": "Id da batida"},
            "autenticada": {"en": "Signed in", "pt": "Com identificação"},
            "aceite": {"en": "Id of the correction if accepted", "pt": "Id da correção, se aceita"},
            "correcao_id": {"en": "Id of the correction", "pt": "Id da correção"},
            "correcao_autor": {"en": "Corrected by", "pt": "Corrigida por"},
            "correcao_em": {"en": "Corrected", "pt": "Corrigida em"},
        },
        words={
            "inclusao": {"en": "Forgotten punch", "pt": "Batida esquecida"},
            "desconsideracao": {"en": "Punch to disregard", "pt": "Batida a desconsiderar"},
            "aguardando": {"en": "Waiting", "pt": "Aguardando"},
            "aceita": {"en": "Accepted", "pt": "Aceita"},
            "desfeita": {"en": "Accepted, then undone", "pt": "Aceita e depois anulada"},
            "corrigida": {"en": "Corrected otherwise", "pt": "Corrigida de outra forma"},
            "recusada": {"en": "Refused", "pt": "Recusada"},
        },
    )
]
