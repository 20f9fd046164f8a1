-- Whether no correction is on its way. One that is has a moment already, however late it is committed: the trigger's lock
-- (ponto/schema/0013_correction_roles.sql) is held until then. In a transaction that ends before the snapshot is taken.
select pg_try_advisory_xact_lock_shared(0x636f72726563616f);
