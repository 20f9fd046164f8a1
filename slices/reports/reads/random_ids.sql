-- Of what was received: how many punches, and how many of them under a random id (a UUID of version 4).
select count(*), count(*) filter (where substr(id::text, 15, 1) = '4')
from ponto.batida
where recebida_em >= %(de)s and recebida_em < %(ate)s and usuario_id <> ponto.usuario_reservado();
