-- Wait as the migrations may, in this session, and take their turn, which ends with the session: one run at a time.
-- Returns whether it is this run's turn. Whoever comes second asks again and again instead of waiting in a statement:
-- an index that is built concurrently waits for all statements that began before it.

select
    set_config('idle_session_timeout', %(idle)s, false), -- the client may be stopped or gone: then the server gives up
    set_config('idle_in_transaction_session_timeout', %(idle)s, false), -- its locks by itself
    set_config('statement_timeout', '0', false), -- copying rows may take long
    -- Whoever writes to a table waits behind a transaction that waits for it.
    set_config('lock_timeout', %(lock)s, false);

-- The lock's number is "batida" in ASCII.
select pg_try_advisory_lock(0x626174696461)
