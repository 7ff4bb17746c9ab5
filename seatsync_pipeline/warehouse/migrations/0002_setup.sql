-- Setup: what an operator decided. Every change is a new row; the latest one counts, so that who, when
-- and the previous value are never lost.

create table mapping_change (
    change_id  varchar primary key,        -- chg_..., time-ordered
    source     varchar not null,
    license    varchar not null,
    decision   varchar not null check (decision in ('product', 'no_charge', 'removed')),
    product_id bigint,
    changed_by varchar not null,
    changed_at timestamp not null,
    previous   varchar,                    -- JSON of the value before, empty for the first
    check ((decision = 'product') = (product_id is not null))
);

create table link_change (
    change_id    varchar primary key,
    source       varchar not null,
    account_key  varchar not null,
    account_name varchar not null,         -- its name when the link was made
    decision     varchar not null check (decision in ('company', 'not_billed', 'removed')),
    company_id   bigint,
    reason       varchar,
    rule         varchar not null,         -- operator | exact name | same name after normalisation | close name
    score        decimal(5, 2),
    evidence     varchar,                  -- JSON: matched names, runner-up
    changed_by   varchar not null,         -- a person, or 'seatsync' for an automatic link
    changed_at   timestamp not null,
    previous     varchar,
    check ((decision = 'company') = (company_id is not null)),
    check (decision <> 'not_billed' or reason is not null)
);

create table agreement_type_filter_change (
    change_id  varchar primary key,
    source     varchar not null,
    type_names varchar not null,           -- JSON list; empty list: every agreement
    changed_by varchar not null,
    changed_at timestamp not null,
    previous   varchar
);

create view mapping as
select c.* from mapping_change c
where c.decision <> 'removed' and c.change_id = (
    select max(l.change_id) from mapping_change l where l.source = c.source and l.license = c.license
);

create view link as
select c.* from link_change c
where c.decision <> 'removed' and c.change_id = (
    select max(l.change_id) from link_change l where l.source = c.source and l.account_key = c.account_key
);

create view agreement_type_filter as
select c.* from agreement_type_filter_change c
where c.change_id = (
    select max(l.change_id) from agreement_type_filter_change l where l.source = c.source
);
