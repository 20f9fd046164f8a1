create role ponto_corrections login; -- the function, which writes the author that AWS verified
create role ponto_correctors nologin; -- people, with personal logins that are members of this role
