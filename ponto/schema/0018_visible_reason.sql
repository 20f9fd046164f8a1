-- A reason that looks empty on a signed card is none: three of its characters are visible. The others are controls, spaces,
-- fillers, and what Unicode lets be ignored, as in BLANK of ponto/fields.py. Rows that are there never change, so they are
-- not looked at.

alter table correcao add constraint correcao_motivo_visivel check (
    char_length(regexp_replace(
        motivo,
        '[\u0001-\u0020\u007f-\u00a0\u00ad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f'
        '\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a'
        '\U000e0000-\U000e0fff]',
        '',
        'g'
    )) >= 3
) not valid;
