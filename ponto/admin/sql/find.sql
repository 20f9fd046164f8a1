select exists (select from batida where id = %(id)s::uuid)
