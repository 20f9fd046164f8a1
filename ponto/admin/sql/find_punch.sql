select from ponto.batida where id = %(id)s::uuid
