-- Plan for all rows, not for the first: a cursor's reader reads to the end. And instants come as UTC.
set local cursor_tuple_fraction = 1;
set local timezone = 'UTC';
