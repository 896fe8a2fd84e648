-- name: create_staging
-- The customers of the file, in the types of retail.customers, and what is found out about them.
-- NOTE: the store stands in the rows for the reason that is given with staged_products.
create temporary table staged_customers (
  store_id text not null,
  row_number integer not null,
  -- Columns of which the file says something; the others are completed from the stored customer.
  given text[] not null,
  email text not null,
  first_name text not null,
  last_name text not null,
  phone text,
  date_of_birth date,
  gender text,
  customer_since date,
  loyalty_tier text not null,
  customer_id uuid not null default retail.new_id(),
  is_new boolean not null default true,
  is_changed boolean not null default false
) on commit drop;

-- name: index_staging
-- Tells the planner what was staged.
create unique index on staged_customers (email);
create unique index on staged_customers (customer_id);
analyze staged_customers;

-- name: complete_staging
-- What the file leaves open about a customer whom the store has is as it is stored; since when
-- somebody is a customer is never cleared.
update staged_customers s
set
  customer_id = c.customer_id,
  is_new = false,
  phone = case when 'phone' = any(s.given) then s.phone else c.phone end,
  date_of_birth = case when 'date_of_birth' = any(s.given) then s.date_of_birth else c.date_of_birth end,
  gender = case when 'gender' = any(s.given) then s.gender else c.gender end,
  customer_since = coalesce(s.customer_since, c.customer_since),
  loyalty_tier = case when 'loyalty_tier' = any(s.given) then s.loyalty_tier else c.loyalty_tier end
from retail.customers c
where c.store_id = s.store_id and c.email = s.email;

-- name: update_customers
-- A customer who is as the file says stays untouched, updated_at and audit log included.
with changed as (
  update retail.customers c
  set (first_name, last_name, phone, date_of_birth, gender, customer_since, loyalty_tier) =
    row(s.first_name, s.last_name, s.phone, s.date_of_birth, s.gender, s.customer_since, s.loyalty_tier)
  from staged_customers s
  where not s.is_new and c.store_id = s.store_id and c.customer_id = s.customer_id
    and (c.first_name, c.last_name, c.phone, c.date_of_birth, c.gender, c.customer_since, c.loyalty_tier)
      is distinct from
      (s.first_name, s.last_name, s.phone, s.date_of_birth, s.gender, s.customer_since, s.loyalty_tier)
  returning c.customer_id
)
update staged_customers s set is_changed = true from changed c where c.customer_id = s.customer_id;

-- name: insert_customers
-- $1 the store's time zone. In the order of the file.
insert into retail.customers (
  store_id, customer_id, email, first_name, last_name, phone, date_of_birth, gender, customer_since, loyalty_tier
)
select
  s.store_id, s.customer_id, s.email, s.first_name, s.last_name, s.phone, s.date_of_birth, s.gender,
  coalesce(s.customer_since, (now() at time zone $1)::date), s.loyalty_tier
from staged_customers s
where s.is_new
order by s.row_number;

-- name: outcome
-- What became of the customers of the file; each is counted once.
select
  count(*) filter (where s.is_new) as inserted,
  count(*) filter (where s.is_changed) as updated,
  count(*) filter (where not s.is_changed and not s.is_new) as unchanged
from staged_customers s;

-- name: record_import
-- $1 store, $2 what was done (jsonb as text).
select audit.record_operation('customers_imported', $1, $2::jsonb);

-- name: analyze_customers
-- After the import.
analyze retail.customers;
