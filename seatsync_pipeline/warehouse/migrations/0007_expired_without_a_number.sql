-- An ended contract is not billed whatever its number, and may come without one, as a proof of concept may.
-- DuckDB cannot change a check: the table is made anew, as it was but for the last one.

alter table observation rename to observation_before;

create table observation (
    snapshot_id  varchar not null,
    position     integer not null,         -- order in the source, from 1
    account_key  varchar not null,
    account_name varchar not null,
    license      varchar not null,
    seats        decimal(18, 6),           -- never null when counted, always when failed
    state        varchar not null check (state in ('counted', 'poc', 'expired', 'failed')),
    reason       varchar,                  -- why it failed
    evidence     varchar not null,         -- JSON: what the number was made from
    primary key (snapshot_id, position),
    check (seats is not null or state <> 'counted')
);

insert into observation by name select * from observation_before;

drop table observation_before;
