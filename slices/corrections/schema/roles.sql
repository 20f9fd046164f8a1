create role ponto_corrections login; -- the function, which writes down whom AWS vouches for
create role ponto_correctors nologin; -- people have logins of their own, members of it: PostgreSQL vouches for them
