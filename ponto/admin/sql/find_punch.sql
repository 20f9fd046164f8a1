select from %(schema)s.batida where id = %(id)s::uuid
