-- Let the functions' roles sign in by tokens of AWS's IAM, or by passwords again. RDS lets in whoever has rds_iam, by
-- way of whatever role, by a token alone; so an old password goes, lest it be good again some day.
do $$
declare
    wanted record;
    by_iam constant boolean := %(by_iam)s;
    roles constant text := array_to_string(%(roles)s::text[], ', ');
    remedy constant text := case when by_iam then 'alter role %%1$I createrole; grant rds_iam, %%2$s to %%1$I with admin option'
        else 'revoke rds_iam from %%2$s' end;
begin
    if by_iam and not exists (select from pg_roles where rolname = 'rds_iam') then
        raise exception 'there is no role rds_iam, so this is no RDS: set dbLogin to secret, and deploy';
    end if;
    for wanted in
        select rolname as role
        from pg_roles
        where rolname = any(%(roles)s::name[])
            and by_iam <> exists (
                select
                from pg_auth_members join pg_roles as granted on granted.oid = roleid
                where granted.rolname = 'rds_iam' and member = pg_roles.oid
            )
        order by rolname
    loop
        -- Only what differs, as in roles.sql.
        if by_iam then
            execute format('grant rds_iam to %%I', wanted.role);
            execute format('alter role %%I password null', wanted.role);
            raise notice 'signs in by IAM: %%', wanted.role;
        else
            execute format('revoke rds_iam from %%I', wanted.role);
            if pg_has_role(wanted.role, 'rds_iam', 'member') then -- by another grantor
                raise insufficient_privilege using message = format('%%I keeps rds_iam', wanted.role);
            end if;
            raise notice 'signs in by password: %%', wanted.role;
        end if;
    end loop;
exception
    when insufficient_privilege then
        raise exception '%% may not say how the roles %% sign in: %%', current_user, roles, sqlerrm
        using
            errcode = 'insufficient_privilege',
            hint = format('As an administrator: ' || remedy || '. Then try again.', current_user, roles);
end
$$
