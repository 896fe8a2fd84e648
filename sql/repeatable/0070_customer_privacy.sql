-- What each role may see of a customer, decided by the database.
--
-- Assumes: 0050. mcp_user gets no grant on the personal columns (0090); it reads these views, which
-- run with their owner's rights. FORCE row level security still holds the owner to the store of the
-- context, so a view widens the columns, never the rows.
--
--            name    phone   e-mail        birth date, gender   notes on receipts
-- manager    full    full    full          full                 full
-- support    full    full    s***@ex.com   -                    full
-- others     -       -       -             -                    -      (pseudonym only)
--
-- A caller whose own token leaves retail:pii out sees what the others see, whatever its role.
--
-- Support needs name and phone to find the customer who is calling. Notes are free text that may name
-- a customer: for who sees names. Of an erased customer everybody sees the pseudonym only.

set role retail_owner;

create or replace view retail.customer_card with (security_barrier = true) as
-- Materialized, or the role would be verified again for each column of each row.
with viewer as materialized (
  select guard.viewer() as role
)
select
  c.store_id,
  c.customer_id,
  'Customer ' || upper(right(c.customer_id::text, 8)) as pseudonym,
  case when viewer.role in ('manager', 'support') then c.first_name end as first_name,
  case when viewer.role in ('manager', 'support') then c.last_name end as last_name,
  case viewer.role
    when 'manager' then c.email
    when 'support' then left(c.email, 1) || '***@' || split_part(c.email, '@', 2)
  end as email,
  case when viewer.role in ('manager', 'support') then c.phone end as phone,
  case when viewer.role = 'manager' then c.date_of_birth end as date_of_birth,
  case when viewer.role = 'manager' then c.gender end as gender,
  c.customer_since,
  c.loyalty_tier,
  c.total_lifetime_value,
  c.purchase_count,
  c.first_purchase_at,
  c.last_purchase_at,
  c.erased_at
from retail.customers c
cross join viewer;
comment on view retail.customer_card is 'Customers of the current store, personal columns masked for the role of the context.';

create or replace view retail.transaction_notes with (security_barrier = true) as
with viewer as materialized (
  select guard.viewer() as role
)
select
  t.store_id,
  t.transaction_id,
  case when viewer.role in ('manager', 'support') then t.notes end as notes
from retail.sales_transactions t
cross join viewer;
comment on view retail.transaction_notes is 'Notes on the receipts of the current store, masked for the role of the context.';

-- How well a name part, in lower case, fits a name: 0 the whole name, the first or the last name,
-- 1 the start of one of them, 2 anywhere inside, null not at all. Both orders count.
-- Positions instead of LIKE: % and _ in a name mean themselves.
create or replace function retail.name_rank(first_name text, last_name text, part text) returns integer
language sql immutable parallel safe
begin atomic
  select case
    when part in (lower(first_name), lower(last_name), lower(first_name || ' ' || last_name),
      lower(last_name || ' ' || first_name)) then 0
    when 1 in (strpos(lower(first_name || ' ' || last_name), part),
      strpos(lower(last_name || ' ' || first_name), part)) then 1
    when strpos(lower(first_name || ' ' || last_name || ' ' || first_name), part) > 0 then 2
  end;
end;
comment on function retail.name_rank(text, text, text) is
  'Rank of a name for a part of it in lower case: 0 whole, 1 start, 2 inside, null no match.';

-- The same with folded names, which come after the exact spelling: 0, 2 and 4 for that, 1, 3 and 5 for others. Names in
-- other scripts, of which some write none, also match without the blank between them.
create or replace function retail.folded_name_rank(first_name text, last_name text, part text, folded text)
returns integer
language sql immutable parallel safe
begin atomic
  select coalesce(
    2 * retail.name_rank(first_name, last_name, part),
    2 * retail.name_rank(retail.fold(first_name), retail.fold(last_name), folded) + 1,
    case
      when octet_length(folded) > length(folded)
        and strpos(retail.fold(last_name || first_name), replace(folded, ' ', '')) > 0
      then 5
    end
  );
end;
comment on function retail.folded_name_rank(text, text, text, text) is
  'Rank of a name for a part of it, in lower case and folded: even numbers for the exact spelling, null no match.';

-- Search in columns that the caller may not read row by row. A role searches only what it sees
-- unmasked: anything else would let it confirm guesses. Null arguments do not filter. Erased customers
-- are never found.
create or replace function retail.match_customers(
  name_part text, wanted_email text, wanted_phone text, wanted_tier text
)
returns table (customer_id uuid, match_rank integer)
language plpgsql stable security definer rows 20
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  viewer text := guard.viewer();
  part text := lower(name_part);
  -- "Last, First" is as good as "Last First".
  folded text := regexp_replace(trim(replace(retail.fold(name_part), ',', ' ')), '\s+', ' ', 'g');
  digits text := regexp_replace(wanted_phone, '[^0-9]', '', 'g');
begin
  if wanted_email is not null and viewer <> 'manager' then
    raise exception 'role may not search by e-mail' using errcode = 'RT001';
  end if;
  if (name_part is not null or wanted_phone is not null) and viewer not in ('manager', 'support') then
    raise exception 'role may not search by name or phone' using errcode = 'RT001';
  end if;

  -- A phone without digits, and a name of apostrophes alone, name nobody; as a pattern they would fit everybody.
  if digits = '' or folded = '' then
    return;
  end if;

  -- An exact key finds its customer by its index; the other conditions narrow that.
  if wanted_email is not null then
    return query
      select c.customer_id, coalesce(retail.folded_name_rank(c.first_name, c.last_name, part, folded), 0)
      from retail.customers c
      where c.erased_at is null
        and c.email = lower(wanted_email)
        and (part is null or retail.folded_name_rank(c.first_name, c.last_name, part, folded) is not null)
        and (digits is null or c.phone_key like '%' || right(digits, 10))
        and (wanted_tier is null or c.loyalty_tier = wanted_tier);
  elsif length(digits) >= 10 then
    return query
      select c.customer_id, coalesce(retail.folded_name_rank(c.first_name, c.last_name, part, folded), 0)
      from retail.customers c
      where c.erased_at is null
        and c.phone_key = right(digits, 10)
        and (part is null or retail.folded_name_rank(c.first_name, c.last_name, part, folded) is not null)
        and (wanted_tier is null or c.loyalty_tier = wanted_tier);
  else
    return query
      select c.customer_id, coalesce(retail.folded_name_rank(c.first_name, c.last_name, part, folded), 0)
      from retail.customers c
      where c.erased_at is null
        and (part is null or retail.folded_name_rank(c.first_name, c.last_name, part, folded) is not null)
        and (digits is null or c.phone_key like '%' || digits)
        and (wanted_tier is null or c.loyalty_tier = wanted_tier);
  end if;
end
$$;
comment on function retail.match_customers(text, text, text, text) is
  'Customers of the current store by name part, e-mail, phone in any format and tier; 42501 without context, RT001 for a field that the role sees masked.';

-- For an erasure: free text of the till that is kept for the books, unless it names this customer. Whole
-- words in any case, and the digits of the phone however they are grouped; in doubt it says yes.
create or replace function retail.mentions(written text, customer retail.customers) returns boolean
language sql stable
begin atomic
  select coalesce(
    written ~* (
      select '(?<!\w)(?:' || string_agg(regexp_replace(known, '([^\w\s])', '\\\1', 'g'), '|') || ')(?!\w)'
      from unnest(array[
        customer.first_name, customer.last_name, customer.email, customer.phone,
        to_char(customer.date_of_birth, 'YYYY-MM-DD')
      ]) known
      where known <> ''
    ),
    false
  ) or coalesce(
    length(customer.phone_key) >= 7 and strpos(regexp_replace(written, '[^0-9]', '', 'g'), customer.phone_key) > 0,
    false
  );
end;
comment on function retail.mentions(text, retail.customers) is
  'Whether a text has a name, the e-mail, the phone or the birth date of a customer in it.';

reset role;

revoke all on function
  retail.match_customers(text, text, text, text),
  retail.name_rank(text, text, text),
  retail.folded_name_rank(text, text, text, text),
  retail.mentions(text, retail.customers)
from public;
