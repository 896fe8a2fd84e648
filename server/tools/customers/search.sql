-- name: search_customers
-- Customers by part of a name, e-mail, phone, loyalty tier and segment, one page of the ranking.
-- $1 name part, $2 e-mail, $3 phone, $4 loyalty tier, $5 segment (text; null: no filter), $6 IANA time zone,
-- $7 today there (date), $8 limit, $9 offset (int).
-- Better match first, then higher lifetime value: an order by name would tell it to those who must
-- not see it. Cards are looked up for the page only.
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
  where $5::text is null
    or m.customer_id in (select s.customer_id from retail.customer_scores s where s.segment = $5)
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
  card.last_purchase_date,
  $7::date - card.last_purchase_date as days_since_last_purchase,
  card.purchase_count as orders,
  m.total_matches
from matched m
cross join lateral (
  select
    c.customer_id, c.pseudonym, c.first_name || ' ' || c.last_name as name, c.email, c.phone,
    c.loyalty_tier, c.customer_since, c.total_lifetime_value, c.purchase_count,
    retail.local_date(c.last_purchase_at, $6::text) as last_purchase_date
  from retail.customer_card c
  where c.store_id = m.store_id and c.customer_id = m.customer_id
  offset 0
) card
where m.place > $9::int and m.place <= $9::int + $8::int
order by m.place;
