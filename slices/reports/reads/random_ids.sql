-- Of what was received: how many punches, and how many of them under a random id (a UUID of version 4).
select count(*) as recebidas, count(*) filter (where substr(id::text, 15, 1) = '4') as aleatorias
from ponto.batida
where recebida_em >= %(de)s and recebida_em < %(ate)s and usuario_id <> ponto.usuario_reservado();
