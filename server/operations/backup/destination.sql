-- name: own_locale
-- What decides case, order and encoding in this database. One row.
select
  pg_encoding_to_char(d.encoding)::text as encoding,
  case d.datlocprovider when 'b' then 'builtin' when 'i' then 'icu' else 'libc' end as provider,
  d.datcollate::text as collate,
  d.datctype::text as ctype,
  d.datlocale::text as locale,
  d.daticurules::text as icu_rules
from pg_catalog.pg_database d
where d.datname = current_database();

-- name: creation
-- $1 name of a database, and as own_locale has them: $2 encoding, $3 provider, $4 collate, $5 ctype, $6 locale,
-- $7 icu_rules (text). The statement that makes it.
select concat_ws(
  ' ',
  format('create database %I template template0 encoding %L locale_provider %I', $1::text, $2::text, $3::text),
  format('lc_collate %L lc_ctype %L', $4::text, $5::text),
  case when $3 <> 'libc' then format('%I %L', $3 || '_locale', $6::text) end,
  case when $7::text is not null then format('icu_rules %L', $7) end
) as creation;
