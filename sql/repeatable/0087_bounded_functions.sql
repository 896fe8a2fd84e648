-- Functions and operators that could fill the server's memory in one statement, bounded.
--
-- Assumes: 0020. No setting of PostgreSQL bounds the memory of a text that doubles in every step of a query, or of an
-- aggregate over a cross join, and both are quicker than any time limit. These stand in the place of the ones
-- of the same name: analytics comes before pg_catalog in mcp_sql's search path, a name with a schema before it is
-- refused by the server, and mcp_sql cannot call the originals where the catalogue allows that (0095).
-- They run with their owner's rights for that reason; none of them reads a table.
-- Bounds: 2,000 bytes for a text, an array and a JSON list, 10,000 rows for a series. The first is what keeps a sort
-- small: PostgreSQL 18 counts only the place of a value that it sorts alone, some 2,700 of them at work_mem 64 kB (0010).
-- RT004 says that something would have become larger.

set role retail_owner;

create or replace function analytics.within_bounds(size bigint, largest bigint default 2000) returns void
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  if size > largest then
    raise exception 'value too large' using errcode = 'RT004';
  end if;
end
$$;
comment on function analytics.within_bounds(bigint, bigint) is 'Raises RT004 for more than the largest.';

create or replace function analytics.concatenate(first_part text, second_part text) returns text
language plpgsql immutable strict parallel safe security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if octet_length(first_part) + octet_length(second_part) > 2000 then
    perform analytics.within_bounds(2001);
  end if;
  return first_part || second_part;
end
$$;
comment on function analytics.concatenate(text, text) is 'Bounded ||.';

create or replace function analytics.concatenate_value(first_part text, second_part anynonarray) returns text
language plpgsql stable strict parallel safe security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return analytics.concatenate(first_part, second_part::text);
end
$$;
comment on function analytics.concatenate_value(text, anynonarray) is 'Bounded ||.';

create or replace function analytics.concatenate_value(first_part anynonarray, second_part text) returns text
language plpgsql stable strict parallel safe security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return analytics.concatenate(first_part::text, second_part);
end
$$;
comment on function analytics.concatenate_value(anynonarray, text) is 'Bounded ||.';

create or replace function analytics.concatenate(first_part jsonb, second_part jsonb) returns jsonb
language plpgsql immutable strict parallel safe security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform analytics.within_bounds(pg_column_size(first_part) + pg_column_size(second_part));
  return first_part || second_part;
end
$$;
comment on function analytics.concatenate(jsonb, jsonb) is 'Bounded ||.';

create or replace function analytics.concatenate(first_part anycompatiblearray, second_part anycompatiblearray)
returns anycompatiblearray
language plpgsql immutable parallel safe security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform analytics.within_bounds(coalesce(pg_column_size(first_part), 0) + coalesce(pg_column_size(second_part), 0));
  return first_part || second_part;
end
$$;
comment on function analytics.concatenate(anycompatiblearray, anycompatiblearray) is 'Bounded ||.';

do $$
declare
  operands record;
begin
  for operands in
    select * from (values
      ('text', 'text', 'concatenate'),
      ('text', 'anynonarray', 'concatenate_value'),
      ('anynonarray', 'text', 'concatenate_value'),
      ('jsonb', 'jsonb', 'concatenate'),
      ('anycompatiblearray', 'anycompatiblearray', 'concatenate')
    ) v (left_type, right_type, function)
  loop
    if to_regoperator(format('analytics.||(%s,%s)', operands.left_type, operands.right_type)) is null then
      execute format('create operator analytics.|| (leftarg = %s, rightarg = %s, function = analytics.%s)',
        operands.left_type, operands.right_type, operands.function);
    end if;
  end loop;
end
$$;

create or replace function analytics.replace(given text, sought text, instead text) returns text
language plpgsql immutable strict parallel safe security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  replaced text;
begin
  perform analytics.within_bounds(octet_length(given), 10000);
  if octet_length(given)::bigint / greatest(octet_length(sought), 1) * octet_length(instead) > 1000000 then
    perform analytics.within_bounds(2001);
  end if;
  replaced := pg_catalog.replace(given, sought, instead);
  -- A stored text may be longer than what a query builds.
  perform analytics.within_bounds(octet_length(replaced), greatest(octet_length(given), 2000));
  return replaced;
end
$$;
comment on function analytics.replace(text, text, text) is 'Bounded replace.';

create or replace function analytics.lpad(given text, length integer, fill text default ' ') returns text
language plpgsql immutable strict parallel safe security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform analytics.within_bounds(4 * length::bigint);
  return pg_catalog.lpad(given, length, fill);
end
$$;
comment on function analytics.lpad(text, integer, text) is 'Bounded lpad.';

create or replace function analytics.rpad(given text, length integer, fill text default ' ') returns text
language plpgsql immutable strict parallel safe security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform analytics.within_bounds(4 * length::bigint);
  return pg_catalog.rpad(given, length, fill);
end
$$;
comment on function analytics.rpad(text, integer, text) is 'Bounded rpad.';

create or replace function analytics.append_text(so_far text, added text, delimiter text) returns text
language plpgsql immutable parallel safe security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if added is null then
    return so_far;
  end if;
  if so_far is null then
    perform analytics.within_bounds(octet_length(added));
    return added;
  end if;
  perform analytics.within_bounds(octet_length(so_far) + octet_length(added) + coalesce(octet_length(delimiter), 0));
  return so_far || coalesce(delimiter, '') || added;
end
$$;
comment on function analytics.append_text(text, text, text) is 'Step of string_agg.';

create or replace function analytics.append_element(so_far anyarray, added anynonarray) returns anyarray
language plpgsql immutable parallel safe security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform analytics.within_bounds(
    coalesce(pg_column_size(so_far), 0) + coalesce(pg_column_size(added), 0) + coalesce(cardinality(so_far), 0));
  return array_append(so_far, added);
end
$$;
comment on function analytics.append_element(anyarray, anynonarray) is 'Step of array_agg.';

create or replace function analytics.append_json(so_far text, added anyelement) returns text
language plpgsql stable parallel safe security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  written text := coalesce(to_json(added)::text, 'null');
begin
  perform analytics.within_bounds(coalesce(octet_length(so_far), 0) + octet_length(written));
  return coalesce(so_far || ', ', '[') || written;
end
$$;
comment on function analytics.append_json(text, anyelement) is 'Step of json_agg and jsonb_agg.';

create or replace function analytics.close_json(so_far text) returns json
language sql immutable strict parallel safe security definer
set search_path = pg_catalog, pg_temp
begin atomic
  select (so_far || ']')::json;
end;
comment on function analytics.close_json(text) is 'End of json_agg.';

create or replace function analytics.close_jsonb(so_far text) returns jsonb
language sql immutable strict parallel safe security definer
set search_path = pg_catalog, pg_temp
begin atomic
  select (so_far || ']')::jsonb;
end;
comment on function analytics.close_jsonb(text) is 'End of jsonb_agg.';

create or replace aggregate analytics.string_agg(text, text) (sfunc = analytics.append_text, stype = text);
create or replace aggregate analytics.array_agg(anynonarray) (sfunc = analytics.append_element, stype = anyarray);
create or replace aggregate analytics.json_agg(anyelement) (
  sfunc = analytics.append_json, stype = text, finalfunc = analytics.close_json
);
create or replace aggregate analytics.jsonb_agg(anyelement) (
  sfunc = analytics.append_json, stype = text, finalfunc = analytics.close_jsonb
);
comment on aggregate analytics.string_agg(text, text) is 'Bounded string_agg.';
comment on aggregate analytics.array_agg(anynonarray) is 'Bounded array_agg.';
comment on aggregate analytics.json_agg(anyelement) is 'Bounded json_agg.';
comment on aggregate analytics.jsonb_agg(anyelement) is 'Bounded jsonb_agg.';

create or replace function analytics.generate_series(first bigint, last bigint, step bigint default 1)
returns setof bigint
language plpgsql immutable strict parallel safe security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform analytics.within_bounds(abs((last::numeric - first) / nullif(step, 0))::bigint, 10000);
  return query select pg_catalog.generate_series(first, last, step);
end
$$;
comment on function analytics.generate_series(bigint, bigint, bigint) is 'Bounded generate_series.';

create or replace function analytics.generate_series(first integer, last integer, step integer default 1)
returns setof integer
language plpgsql immutable strict parallel safe security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform analytics.within_bounds(abs((last::numeric - first) / nullif(step, 0))::bigint, 10000);
  return query select pg_catalog.generate_series(first, last, step);
end
$$;
comment on function analytics.generate_series(integer, integer, integer) is 'Bounded generate_series.';

create or replace function analytics.generate_series(first timestamp, last timestamp, step interval)
returns setof timestamp
language plpgsql immutable strict parallel safe security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform analytics.within_bounds(
    abs(extract(epoch from last - first) / nullif(extract(epoch from step), 0))::bigint, 10000);
  return query select pg_catalog.generate_series(first, last, step);
end
$$;
comment on function analytics.generate_series(timestamp, timestamp, interval) is 'Bounded generate_series.';

create or replace function analytics.generate_series(first timestamptz, last timestamptz, step interval)
returns setof timestamptz
language plpgsql stable strict parallel safe security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform analytics.within_bounds(
    abs(extract(epoch from last - first) / nullif(extract(epoch from step), 0))::bigint, 10000);
  return query select pg_catalog.generate_series(first, last, step);
end
$$;
comment on function analytics.generate_series(timestamptz, timestamptz, interval) is 'Bounded generate_series.';

reset role;

revoke all on all functions in schema analytics from public;
grant execute on function
  analytics.concatenate(text, text),
  analytics.concatenate_value(text, anynonarray),
  analytics.concatenate_value(anynonarray, text),
  analytics.concatenate(jsonb, jsonb),
  analytics.concatenate(anycompatiblearray, anycompatiblearray),
  analytics.replace(text, text, text),
  analytics.lpad(text, integer, text),
  analytics.rpad(text, integer, text),
  analytics.string_agg(text, text),
  analytics.array_agg(anynonarray),
  analytics.json_agg(anyelement),
  analytics.jsonb_agg(anyelement),
  analytics.generate_series(bigint, bigint, bigint),
  analytics.generate_series(integer, integer, integer),
  analytics.generate_series(timestamp, timestamp, interval),
  analytics.generate_series(timestamptz, timestamptz, interval)
to mcp_sql;
