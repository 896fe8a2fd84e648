-- name: pooled_routes
-- Ways on which a connection was told of a session that the database does not have: a pooler is in between.
-- $1 names of the ways, $2 the process of the session that each was told of, in the same order.
-- One row per such way, in the order given.
select way.setting
from unnest($1::text[], $2::integer[]) with ordinality as way (setting, backend, place)
where not exists (select from pg_catalog.pg_stat_activity a where a.pid = way.backend)
order by way.place;
