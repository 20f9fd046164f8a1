-- Employee 106 of the reports' company punched twice at 12:00 on the 26th, and forgot to punch at 17:00. With these
-- corrections the employee worked 8:00. The undone addition changes nothing.

set session_replication_role = replica; -- without the triggers, which apply the rules
insert into ponto.correcao (id, usuario_id, tipo, ponto, alvo, motivo, autor, criada_em)
select ('c0000000-0000-8000-8000-' || to_char(hora, 'YYYYMMDDHH24MI'))::uuid, 106, tipo, ponto at time zone 'America/Sao_Paulo', alvo, motivo, autor,
    hora at time zone 'America/Sao_Paulo'
from (
    values
        (
            'inclusao', timestamp '2026-11-26 17:00', null::uuid, 'Forgot; seen at the gate',
            'arn:aws:iam::123456789012:user/maria', timestamp '2026-11-27 09:00'
        ),
        (
            'desconsideracao', null, (select id from ponto.batida where ponto = '2026-11-26 12:00:30-03'),
            '<b>Tapped twice</b>', 'local', '2026-11-27 09:01'
        ),
        ('inclusao', '2026-11-26 19:00', null, 'By mistake', 'local', '2026-11-27 09:02'),
        ('anulacao', null, 'c0000000-0000-8000-8000-202611270902', 'Wrong day', 'local', '2026-11-27 09:03')
) as feita (tipo, ponto, alvo, motivo, autor, hora);
set session_replication_role = origin;
