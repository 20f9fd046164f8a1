-- Who else may do what the functions' roles may. People are members of the other roles.
select format(
    '%%s is a member of %%I, and so may do what that function may; to end it: revoke %%2$I from %%1$s',
    member::regrole,
    pg_roles.rolname
)
from ponto.migracao_papel
    join pg_roles on pg_roles.rolname = nome and pg_roles.oid = migracao_papel.oid
    join pg_auth_members on roleid = pg_roles.oid
    join pg_roles as member_role on member_role.oid = member
where pg_roles.rolcanlogin and nome <> 'ponto_reader' and member_role.rolname <> current_user
order by 1
