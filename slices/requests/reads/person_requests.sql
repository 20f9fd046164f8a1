-- An employee's requests, with their decisions.
select row_to_json(solicitacao_situacao) as registro
from ponto.solicitacao_situacao
where usuario_id = %(employee_id)s
order by criada_em, id
