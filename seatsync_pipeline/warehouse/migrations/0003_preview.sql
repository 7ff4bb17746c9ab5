-- Previews: what reconciliation proposed. `preview` holds the rows under the names of the public contract;
-- lists in it are JSON as text.

create table preview_header (
    preview_id       varchar primary key,  -- prev_..., time-ordered
    source           varchar not null,
    created_at       timestamp not null,
    today            date not null,        -- the MSP's calendar day it was made for
    run_id           varchar,
    snapshot_id      varchar not null,
    scan_id          varchar not null,
    orphan_detection varchar not null,     -- JSON {ran, why}
    totals           varchar not null,     -- JSON, see docs
    adds_up          boolean not null      -- false: the preview cannot be approved
);

create table preview (
    preview_id          varchar not null,
    source              varchar not null,
    row_id              varchar not null,
    fingerprint         varchar not null,
    position            integer not null,
    status              varchar not null,
    action              varchar not null check (action in ('update', 'create', 'cancel', 'none')),
    selected_by_default boolean not null,
    blocked             boolean not null,
    needs_reason        boolean not null,
    accounts            varchar not null,
    company_id          bigint,
    company_name        varchar,
    agreement_id        bigint,
    agreement_name      varchar,
    addition_id         bigint,
    additions           varchar not null,
    product_id          bigint,
    product_identifier  varchar,
    current_quantity    decimal(18, 6),
    new_quantity        decimal(18, 6),
    delta               decimal(18, 6),
    less_included       decimal(18, 6),
    unit_price          decimal(18, 6),
    amount_delta        decimal(18, 6),
    billing_cycle       varchar,
    next_invoice_date   date,
    planned_date        date,
    paired_row_id       varchar,
    flags               varchar not null,
    guards              varchar not null,
    candidates          varchar not null,
    agreements          varchar not null,
    evidence            varchar,
    reason              varchar not null,
    trace               varchar not null,  -- JSON: the ordered rules that gave the row its status
    primary key (preview_id, row_id)
);
