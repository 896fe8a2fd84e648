-- What each role may see of a customer, decided by the database.
--
-- Assumes: 0050. mcp_user gets no grant on the personal columns (0090); it reads this view, which
-- runs with its owner's rights. FORCE row level security still holds the owner to the store of the
-- context, so the view widens the columns, never the rows.
--
--            name    phone   e-mail        birth date, gender
-- manager    full    full    full          full
-- support    full    full    s***@ex.com   -
-- others     -       -       -             -      (pseudonym only)
--
-- Support needs name and phone to find the customer who is calling.

set role retail_owner;

create or replace view retail.customer_card with (security_barrier = true) as
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
  c.total_lifetime_value
from retail.customers c
cross join (select guard.role() as role) viewer;
comment on view retail.customer_card is 'Customers of the current store, personal columns masked for the role of the context.';

-- Search in columns that the caller may not read row by row. A role searches only what it sees
-- unmasked: anything else would let it confirm guesses. Null arguments do not filter.
create or replace function retail.match_customers(
  name_part text, wanted_email text, wanted_phone text, wanted_tier text
)
returns table (customer_id uuid, match_rank integer)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  viewer text := guard.role();
  phone_digits text := regexp_replace(wanted_phone, '[^0-9]', '', 'g');
  -- Like is fed a literal: % and _ in a name mean themselves.
  name_like text := replace(replace(replace(lower(name_part), '\', '\\'), '%', '\%'), '_', '\_');
begin
  if wanted_email is not null and viewer <> 'manager' then
    raise exception 'role may not search by e-mail' using errcode = 'RT001';
  end if;
  if (name_part is not null or wanted_phone is not null) and viewer not in ('manager', 'support') then
    raise exception 'role may not search by name or phone' using errcode = 'RT001';
  end if;

  -- Exact keys first, each by its own index; the other conditions narrow the result.
  if wanted_email is not null then
    return query
      select c.customer_id, 0 from retail.customers c
      where c.email = lower(wanted_email)
        and (phone_digits is null or c.phone_key = right(phone_digits, 10))
        and (name_like is null or lower(c.first_name || ' ' || c.last_name) like '%' || name_like || '%')
        and (wanted_tier is null or c.loyalty_tier = wanted_tier);
  elsif length(phone_digits) >= 10 then
    return query
      select c.customer_id, 0 from retail.customers c
      where c.phone_key = right(phone_digits, 10)
        and (name_like is null or lower(c.first_name || ' ' || c.last_name) like '%' || name_like || '%')
        and (wanted_tier is null or c.loyalty_tier = wanted_tier);
  else
    -- Rank: 0 the whole name, 1 a part that starts like it, 2 anywhere inside.
    return query
      select c.customer_id,
        case
          when name_like is null or lower(c.first_name || ' ' || c.last_name) = lower(name_part)
            or lower(c.first_name) = lower(name_part) or lower(c.last_name) = lower(name_part) then 0
          when lower(c.first_name || ' ' || c.last_name) like name_like || '%'
            or lower(c.last_name) like name_like || '%' then 1
          else 2
        end
      from retail.customers c
      where (name_like is null
          or lower(c.first_name || ' ' || c.last_name) like '%' || name_like || '%'
          or lower(c.last_name || ' ' || c.first_name) like '%' || name_like || '%')
        and (phone_digits is null or c.phone_key like '%' || phone_digits)
        and (wanted_tier is null or c.loyalty_tier = wanted_tier);
  end if;
end
$$;
comment on function retail.match_customers(text, text, text, text) is
  'Customers of the current store by name part, e-mail, phone in any format and tier; 42501 without context, RT001 for a field that the role sees masked.';

reset role;

revoke all on function retail.match_customers(text, text, text, text) from public;
