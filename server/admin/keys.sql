-- name: install_key
-- $1 key id, $2 inner and $3 outer padded key (bytea, 64 bytes each).
insert into guard.context_key (kid, inner_pad, outer_pad) values ($1, $2, $3)
on conflict (kid) do update set not_after = 'infinity';
