-- name: install_key
-- $1 key id, $2 inner and $3 outer padded key (bytea, 64 bytes each). A key that was retired stays retired.
insert into guard.context_key (kid, inner_pad, outer_pad) values ($1, $2, $3)
on conflict (kid) do nothing;

-- name: is_accepted
-- $1 key id.
select guard.knows_key($1);

-- name: retire_other_keys
-- $1 key id that stays, $2 seconds until the others end, of those that would last longer.
update guard.context_key
set not_after = now() + make_interval(secs => $2)
where kid <> $1 and not_after > now() + make_interval(secs => $2)
returning kid;

-- name: lock_keys
-- Until the end of the transaction nobody else changes a key.
lock table guard.context_key in share row exclusive mode;

-- name: lasting_keys
-- $1 key id. How many others are accepted without end.
select count(*) from guard.context_key where kid <> $1 and not_after = 'infinity';

-- name: retire_key
-- $1 key id. Changes one row, or none when it is unknown or retired.
update guard.context_key set not_after = now() where kid = $1 and not_after > now();

-- name: list_keys
-- Every key, newest first; not_after null for one without end.
select
  kid,
  created_at,
  case when isfinite(not_after) then not_after end as not_after,
  not_after <= now() as is_retired
from guard.context_key
order by created_at desc, kid;

-- name: record_key_operation
-- $1 what was done, $2 details (jsonb as text).
select audit.record_operation($1, null, $2::jsonb);
