-- Number of punches received from `de` to `ate`, and of those with a random id (UUID version 4).
select count(*) as recebidas, count(*) filter (where substr(id::text, 15, 1) = '4') as aleatorias
from ponto.batida
where recebida_em >= %(de)s and recebida_em < %(ate)s and usuario_id <> ponto.usuario_reservado();
