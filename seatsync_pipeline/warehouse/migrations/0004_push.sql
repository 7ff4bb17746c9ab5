-- Operations: what was approved, what was about to be written, what came of it, and the audit log.
-- Append-only, all of it: the state of an operation is its last event, an intent without an outcome is open.

create table operation (
    operation_id     varchar primary key,  -- op_..., made from the selection's digest
    source           varchar not null,
    preview_id       varchar not null,
    snapshot_id      varchar not null,     -- of the source, behind the preview
    selection_digest varchar not null unique,
    approved_by      varchar not null,
    server           varchar not null,     -- the ConnectWise it may write to
    agreement_types  varchar not null,     -- JSON: the filter it was approved under
    started_at       timestamp not null
);

create table operation_item (
    operation_id varchar not null,
    position     integer not null,         -- the order of work, from 1
    row_id       varchar not null,
    action       varchar not null check (action in ('update', 'create', 'cancel')),
    change       varchar not null,         -- JSON: the approved change with all it is bound to
    primary key (operation_id, row_id)
);

create table operation_event (
    event_id     varchar primary key,      -- evt_..., time-ordered
    operation_id varchar not null,
    state        varchar not null check (state in ('running', 'interrupted', 'stopped', 'finished',
                                                   'finished_with_failures')),
    made_at      timestamp not null,
    by_whom      varchar not null,
    run_id       varchar,
    note         varchar,
    audit_head   varchar                   -- the hash of the audit log's last entry at that moment
);

create table intent (
    intent_id    varchar primary key,      -- int_..., time-ordered; committed before the call is made
    operation_id varchar not null,
    row_id       varchar not null,
    made_at      timestamp not null,
    request      varchar not null,         -- JSON: the exact values that are sent
    live         varchar,                  -- JSON: the addition as it was just before
    known_ids    varchar                   -- JSON: for a create, every addition the agreement had
);

create table outcome (
    outcome_id   varchar primary key,      -- out_..., time-ordered
    operation_id varchar not null,
    row_id       varchar not null,
    made_at      timestamp not null,
    outcome      varchar not null check (outcome in ('created', 'updated', 'cancelled', 'skipped', 'failed',
                                                     'unresolved')),
    reason       varchar not null,
    agreement_id bigint,
    addition_id  bigint,
    before       varchar,                  -- JSON: the full record
    after        varchar,
    unique (operation_id, row_id)
);

create table audit (
    seq       bigint primary key,          -- 1, 2, 3 ...: a fork is a duplicate key
    made_at   timestamp not null,
    kind      varchar not null,            -- started | item | ended | abandoned | accepted
    entry     varchar not null,            -- canonical JSON, decimals as text
    previous  varchar not null,            -- hash of the entry before it; 64 zeros for the first
    hash      varchar not null             -- sha256 over seq, kind, entry and previous
);
