-- name: search_customers
-- Customers by part of a name, e-mail, phone and loyalty tier, one page of the ranking.
-- $1 name part, $2 e-mail, $3 phone, $4 loyalty tier (text; null: no filter), $5 IANA time zone,
-- $6 limit, $7 offset (int).
-- Better match first, then higher lifetime value: an order by name would tell it to those who must
-- not see it. Cards and last purchases are looked up for the page only.
with matched as (
  select
    row_number() over (order by m.match_rank, key.total_lifetime_value desc, key.customer_id) as place,
    count(*) over () as total_matches,
    key.store_id,
    key.customer_id
  from retail.match_customers($1::text, $2::text, $3::text, $4::text) m
  -- "offset 0" keeps this a look-up by key per match: one e-mail must not read all customers.
  cross join lateral (
    select c.store_id, c.customer_id, c.total_lifetime_value
    from retail.customers c
    where c.customer_id = m.customer_id
    offset 0
  ) key
)
select
  card.customer_id,
  card.pseudonym,
  card.name,
  card.email,
  card.phone,
  card.loyalty_tier,
  card.customer_since,
  card.total_lifetime_value as lifetime_value,
  last.purchase_date as last_purchase_date,
  m.total_matches
from matched m
cross join lateral (
  select
    c.customer_id, c.pseudonym, c.first_name || ' ' || c.last_name as name, c.email, c.phone,
    c.loyalty_tier, c.customer_since, c.total_lifetime_value
  from retail.customer_card c
  where c.store_id = m.store_id and c.customer_id = m.customer_id
  offset 0
) card
left join lateral (
  select (t.transaction_date at time zone $5::text)::date as purchase_date
  from retail.sales_transactions t
  where t.store_id = m.store_id and t.customer_id = m.customer_id and t.transaction_type = 'sale'
  order by t.transaction_date desc
  limit 1
) last on true
where m.place > $7::int and m.place <= $7::int + $6::int
order by m.place;
