-- Snapshots: what the vendors said, when, and how far it can be trusted. Append-only.
-- Times are UTC; amounts and counts are DECIMAL; lists are JSON as text (an attached PostgreSQL
-- has to be able to carry these tables as they are).

create table snapshot (
    snapshot_id  varchar primary key,      -- snap_..., time-ordered
    source       varchar not null,         -- connectwise | duo | avanan
    taken_at     timestamp not null,       -- when reading ended
    run_id       varchar,                  -- the Dagster run
    digest       varchar not null,         -- sha256 of the content that was read
    verdict      varchar not null check (verdict in ('complete', 'suspect', 'incomplete')),
    reasons      varchar not null,         -- JSON list of {rule, observed, limit, message}
    details      varchar not null          -- JSON object: file name, encoding, requests, seconds ...
);

create table company (
    snapshot_id  varchar not null,
    company_id   bigint not null,
    identifier   varchar not null,
    name         varchar not null,
    status       varchar,
    deleted      boolean not null,
    website      varchar,
    primary key (snapshot_id, company_id)
);

create table agreement_type (
    snapshot_id       varchar not null,
    agreement_type_id bigint not null,
    name              varchar not null,
    inactive          boolean not null,
    primary key (snapshot_id, agreement_type_id)
);

create table agreement (
    snapshot_id         varchar not null,
    agreement_id        bigint not null,
    name                varchar not null,
    company_id          bigint not null,
    type_name           varchar not null,
    parent_agreement_id bigint,
    status              varchar,
    cancelled           boolean not null,
    start_date          date,
    end_date            date,              -- empty: no end
    bill_start_date     date,
    next_invoice_date   date,
    billing_cycle       varchar,
    prorate             boolean not null,
    additions_read      boolean not null,  -- ended and cancelled agreements are not read
    primary key (snapshot_id, agreement_id)
);

create table addition (
    snapshot_id        varchar not null,
    addition_id        bigint not null,
    agreement_id       bigint not null,
    product_id         bigint not null,
    product_identifier varchar not null,
    quantity           decimal(18, 6) not null,
    less_included      decimal(18, 6) not null,
    unit_price         decimal(18, 6),
    unit_cost          decimal(18, 6),
    bill_customer      varchar not null,
    effective_date     date,
    cancelled_date     date,
    description        varchar,
    last_updated       varchar,            -- _info.lastUpdated, as ConnectWise wrote it
    primary key (snapshot_id, addition_id)
);

create table product (
    snapshot_id   varchar not null,
    product_id    bigint not null,
    identifier    varchar not null,
    description   varchar,
    product_class varchar,
    inactive      boolean not null,
    price         decimal(18, 6),
    cost          decimal(18, 6),
    taxable       boolean,
    billing_cycle varchar,
    primary key (snapshot_id, product_id)
);

create table account (
    snapshot_id  varchar not null,
    account_key  varchar not null,
    account_name varchar not null,
    domain       varchar,
    details      varchar not null,         -- JSON: the Duo host, the user breakdown ...
    primary key (snapshot_id, account_key)
);

create table observation (
    snapshot_id  varchar not null,
    position     integer not null,         -- order in the source, from 1
    account_key  varchar not null,
    account_name varchar not null,
    license      varchar not null,
    seats        decimal(18, 6),           -- null only when failed, or a proof of concept without a number
    state        varchar not null check (state in ('counted', 'poc', 'expired', 'failed')),
    reason       varchar,                  -- why it failed
    evidence     varchar not null,         -- JSON: what the number was made from
    primary key (snapshot_id, position),
    check (seats is not null or state in ('failed', 'poc'))
);
