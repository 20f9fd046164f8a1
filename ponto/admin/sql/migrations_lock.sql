-- Take the advisory lock of the migrations, for this session: one run at a time. Fails after a while if another has it.

select
    set_config('idle_session_timeout', %(idle)s, false), -- the client may be stopped or gone: then the server gives up
    set_config('idle_in_transaction_session_timeout', %(idle)s, false), -- its locks by itself
    set_config('statement_timeout', '0', false), -- copying rows may take long
    set_config('lock_timeout', %(advisory)s, false);

-- The lock's number is "batida" in ASCII. Whoever comes second waits here, then finds everything applied. It has no
-- other lock meanwhile, so nobody waits for it but an index that is built concurrently, which waits for all that began.
select pg_advisory_lock(0x626174696461);

-- From here on whoever writes to a table waits behind this session, should it have to wait for a lock itself.
select set_config('lock_timeout', %(lock)s, false)
