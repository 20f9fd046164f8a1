-- Exceptions: punches and days to review.

create or replace function ponto.excecoes(
    de date, ate date,
    jornada_maxima interval default '10 hours', proximas interval default '1 minute', atraso interval default '1 day',
    futuro interval default '5 minutes', dias int default 3, desvio interval default '5 minutes',
    redefinicao interval default '60 days', usuario bigint default null, momento timestamptz default null
)
returns setof ponto.excecao
language sql stable parallel safe
begin atomic
    -- Days with an odd number of punches, too much time worked or too little rest
    select caso.tipo, usuario_id, nome, dia, null::uuid, null::timestamp, null::text, caso.medida, batidas
    from ponto.jornadas(de, ate, usuario, momento)
        cross join lateral make_interval(mins => minutos) as trabalhado
        cross join lateral (
            values
                ('incompleta', trabalhado, incompleta),
                ('longa', trabalhado, trabalhado > jornada_maxima),
                ('dividida', make_interval(mins => minutos_descanso), minutos_descanso is not null)
        ) as caso (tipo, medida, vale)
    where caso.vale
    union all
    -- Days with punches or corrections that were written too late; punches copied from the first version do not count
    select 'reaberta', usuario_id, nome, dia, null, null, null, max(escrita_em) - fim, count(*)::int
    from (
        select usuario_id, nome, fuso, dia, corte, gravada_em
        from ponto.batidas(de, ate, usuario, momento)
        where recebida_em is not null
        union all
        select usuario_id, nome, fuso, dia, corte, criada_em
        from ponto.correcoes(de, ate, usuario, momento)
    ) as escrita (usuario_id, nome, fuso, dia, corte, escrita_em)
        cross join lateral (values ((dia + 1 + corte) at time zone fuso)) as prazo (fim)
    where escrita_em > (dia + 1 + dias + corte) at time zone fuso
    group by usuario_id, nome, dia, fim
    union all
    -- Corrections in effect
    select
        caso.tipo, correction.usuario_id, nome, dia, correction.id, date_trunc('minute', local), batida.dispositivo,
        criada_em - correction.ponto, 1
    from ponto.correcoes(de, ate, usuario, momento) as correction
        join (
            values
                ('incluida', 'inclusao'),
                ('desconsiderada', 'desconsideracao')
        ) as caso (tipo, da_correcao) on caso.da_correcao = correction.tipo
        left join ponto.batida on batida.id = correction.alvo -- the punch that is disregarded
    where vale
    union all
    -- Punches with a time close to the previous punch, or far from the receipt or the sending
    select caso.tipo, usuario_id, nome, dia, id, date_trunc('minute', local), dispositivo, caso.medida, 1
    from (
        select *, minuto - lag(minuto) over (partition by usuario_id order by ponto, id) as distancia
        -- Starts early enough to include a previous punch within proximas; a month of proximas counts as 30 days
        from ponto.batidas(de - 2 - ceil(extract(epoch from greatest(proximas, '0')) / 86400)::int, ate, usuario, momento)
            cross join lateral date_trunc('minute', ponto, fuso) as minuto
    ) as batida
        cross join lateral (
            values
                ('proxima', distancia, distancia <= proximas),
                ('futura', -atraso_recebimento, -atraso_recebimento > futuro),
                ('atrasada', atraso_recebimento, atraso_recebimento > atraso),
                ('relogio', batida.desvio, greatest(batida.desvio, -batida.desvio) > excecoes.desvio)
        ) as caso (tipo, medida, vale)
    where caso.vale and dia between de and ate
    union all
    -- Punches with a time far from their receipt, by the working day of the receipt
    select 'redefinida', usuario_id, nome, chegada, id, date_trunc('minute', local), dispositivo, atraso_recebimento, 1
    from ponto.batidas_em(momento) cross join lateral (values ((recebida_em at time zone fuso - corte)::date)) as dia (chegada)
    where chegada between de and ate
        and recebida_em >= ponto.antes_do_dia(de)
        and recebida_em < ponto.depois_do_dia(ate)
        and ponto.do_usuario(usuario_id, usuario)
        and greatest(atraso_recebimento, -atraso_recebimento) > redefinicao
    order by 4, 2, 1, 6;
end;

comment on function ponto.excecoes is
    'Punches and days to review on the working days from de to ate, of one employee or (null) of all, as of an instant '
    '(null: now). Limits: jornada_maxima: time worked on a day; proximas: time between two punches; atraso: time from the '
    'punch to its receipt; futuro: time from the receipt to the time of the punch; dias: days from the end of a working '
    'day to the writing of a punch or a correction; desvio: time between sending and receipt; redefinicao: time between '
    'the punch and its receipt, in either order';
