-- Take the turn of running migrations, for this transaction: one run at a time.

-- The client may be stopped or gone: then the server gives up its locks by itself.
select
    set_config('idle_in_transaction_session_timeout', %(idle)s, true),
    set_config('statement_timeout', '0', true), -- copying rows may take long
    set_config('lock_timeout', %(turn)s, true);

-- The lock's number is "batida" in ASCII. Whoever comes second waits here, then finds everything applied. It has no
-- other lock meanwhile, so nobody waits for it.
select pg_advisory_xact_lock(0x626174696461);

-- From here on whoever writes to a table waits behind this transaction, should it have to wait for a lock itself.
select set_config('lock_timeout', %(lock)s, true)
