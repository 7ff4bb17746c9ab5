-- The id that ConnectWise gave a new addition, on record before it is read back: what was acknowledged is never
-- sent a second time, even where no list and no address shows it.
create table receipt (
    receipt_id   varchar primary key,      -- rcp_..., time-ordered
    operation_id varchar not null,
    row_id       varchar not null,
    made_at      timestamp not null,
    addition_id  bigint not null
);

-- The newest change of the setup that a preview was made with: whatever is decided later has overtaken it, whether
-- or not another preview could be made of it. Empty before this version, which counts as overtaken.
alter table preview_header add column setup_change varchar;
