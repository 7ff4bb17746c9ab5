-- Acceptance: a named person releases a snapshot that was suspect or incomplete. Append-only.

create table acceptance (
    snapshot_id varchar primary key,
    source      varchar not null,
    accepted_by varchar not null,
    accepted_at timestamp not null,
    reason      varchar not null,
    run_id      varchar
);

-- What later snapshots are compared with, and what can prove an absence.
create view accepted_snapshot as
select s.snapshot_id, s.source, s.taken_at, s.digest, s.details, a.accepted_by
from snapshot s
left join acceptance a on a.snapshot_id = s.snapshot_id
where s.verdict = 'complete' or a.snapshot_id is not null;
