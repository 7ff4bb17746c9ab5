-- Pruning: of these snapshots the header alone is kept, for the days on which something was read and for the digests
-- of files that were seen before. Append-only.

create table pruning (
    snapshot_id varchar primary key,
    pruned_at   timestamp not null,
    pruned_by   varchar not null
);
