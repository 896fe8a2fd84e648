-- name: bought_with
-- Products that were on the same sale receipts as one product, one page of the ranking.
-- $1 first day, $2 last day (date, inclusive), $3 IANA time zone, $4 product id, $5 fewest receipts with both
-- (int), $6 'lift', 'confidence' or 'baskets', $7 limit, $8 offset (int).
-- By lift, by the share of the product's baskets, or by baskets with both; of equals, more baskets and SKU.
-- Only products that pass $5 are counted on their own, each through its index.
with basket as materialized (
  select distinct t.store_id, t.transaction_id
  from retail.sales_transaction_items i
  join retail.sales_transactions t on t.store_id = i.store_id and t.transaction_id = i.transaction_id
  where i.product_id = $4::uuid
    and t.transaction_type = 'sale'
    and t.transaction_date >= ($1::date::timestamp at time zone $3::text)
    and t.transaction_date < (($2::date + 1)::timestamp at time zone $3)
),
partner as materialized (
  select i.store_id, i.product_id, count(distinct i.transaction_id) as baskets_together
  from basket b
  join retail.sales_transaction_items i on i.store_id = b.store_id and i.transaction_id = b.transaction_id
  where i.product_id <> $4
  group by i.store_id, i.product_id
  having count(distinct i.transaction_id) >= $5::int
),
pair as (
  select
    $4::uuid as product_id,
    p.product_id as other_product_id,
    p.baskets_together,
    (select count(*) from basket) as baskets,
    (
      select count(distinct t.transaction_id)
      from retail.sales_transaction_items i
      join retail.sales_transactions t on t.store_id = i.store_id and t.transaction_id = i.transaction_id
      where i.store_id = p.store_id
        and i.product_id = p.product_id
        and t.transaction_type = 'sale'
        and t.transaction_date >= ($1::timestamp at time zone $3)
        and t.transaction_date < (($2 + 1)::timestamp at time zone $3)
    ) as other_baskets,
    (
      select count(*)
      from retail.sales_transactions t
      where t.transaction_type = 'sale'
        and t.transaction_date >= ($1::timestamp at time zone $3)
        and t.transaction_date < (($2 + 1)::timestamp at time zone $3)
    ) as all_baskets
  from partner p
),
ranked as (
  select
    row_number() over (
      order by
        case $6::text
          when 'baskets' then p.baskets_together
          when 'confidence' then p.baskets_together::numeric / p.baskets
          else p.baskets_together::numeric * p.all_baskets / (p.baskets::bigint * p.other_baskets)
        end desc,
        p.baskets_together desc,
        one.sku,
        other.sku
    ) as place,
    count(*) over () as total_matches,
    one.sku,
    one.product_name,
    other.sku as other_sku,
    other.product_name as other_product_name,
    p.baskets_together,
    p.baskets,
    p.other_baskets,
    p.all_baskets
  from pair p
  join retail.products one on one.product_id = p.product_id
  join retail.products other on other.product_id = p.other_product_id
)
select
  r.sku,
  r.product_name,
  r.other_sku,
  r.other_product_name,
  r.baskets_together,
  r.baskets,
  r.other_baskets,
  round(100.0 * r.baskets_together / r.all_baskets, 4) as support_percent,
  round(100.0 * r.baskets_together / r.baskets, 2) as confidence_percent,
  round(100.0 * r.baskets_together / r.other_baskets, 2) as other_confidence_percent,
  round(r.baskets_together::numeric * r.all_baskets / (r.baskets::bigint * r.other_baskets), 2) as lift,
  r.baskets_together < 5 as is_few,
  r.total_matches
from ranked r
where r.place > $8::int and r.place <= $8::int + $7::int
order by r.place;

-- name: bought_pairs
-- Pairs of products that were on the same sale receipts, one page of the ranking.
-- $1 first day, $2 last day (date, inclusive), $3 IANA time zone, $4 fewest receipts with both (int), $5 'lift',
-- 'confidence' or 'baskets', $6 limit, $7 offset (int).
-- Of a pair the product with fewer baskets comes first: whoever buys it is the likelier to buy the other.
-- Each basket lists its products once, and pairs are made within it: no join of lines with lines, which would
-- compare all with all where the planner expects few.
with receipt as materialized (
  select t.store_id, t.transaction_id
  from retail.sales_transactions t
  where t.transaction_type = 'sale'
    and t.transaction_date >= ($1::date::timestamp at time zone $3::text)
    and t.transaction_date < (($2::date + 1)::timestamp at time zone $3)
),
article as materialized (
  select p.product_id, p.sku, p.product_name, (row_number() over (order by p.product_id))::int as number
  from retail.products p
),
line as (
  select l.transaction_id, a.number, (count(*) over (partition by a.number))::int as baskets
  from (
    select distinct r.transaction_id, i.product_id
    from receipt r
    join retail.sales_transaction_items i on i.store_id = r.store_id and i.transaction_id = r.transaction_id
  ) l
  join article a on a.product_id = l.product_id
),
basket as (
  select array_agg(l.number order by l.number) as numbers, array_agg(l.baskets order by l.number) as counts
  from line l
  group by l.transaction_id
  having count(*) > 1
),
both_in as (
  select one.number as one, other.number as other, one.baskets as one_baskets, other.baskets as other_baskets,
    count(*) as baskets_together
  from basket b
  cross join lateral unnest(b.numbers, b.counts) with ordinality as one (number, baskets, place)
  cross join lateral unnest(b.numbers[one.place + 1:], b.counts[one.place + 1:]) as other (number, baskets)
  group by one.number, other.number, one.baskets, other.baskets
  having count(*) >= $4::int
),
pair as (
  select
    case when b.one_baskets <= b.other_baskets then b.one else b.other end as one,
    case when b.one_baskets <= b.other_baskets then b.other else b.one end as other,
    b.baskets_together,
    least(b.one_baskets, b.other_baskets) as baskets,
    greatest(b.one_baskets, b.other_baskets) as other_baskets,
    (select count(*) from receipt) as all_baskets
  from both_in b
),
ranked as (
  select
    row_number() over (
      order by
        case $5::text
          when 'baskets' then p.baskets_together
          when 'confidence' then p.baskets_together::numeric / p.baskets
          else p.baskets_together::numeric * p.all_baskets / (p.baskets::bigint * p.other_baskets)
        end desc,
        p.baskets_together desc,
        one.sku,
        other.sku
    ) as place,
    count(*) over () as total_matches,
    one.sku,
    one.product_name,
    other.sku as other_sku,
    other.product_name as other_product_name,
    p.baskets_together,
    p.baskets,
    p.other_baskets,
    p.all_baskets
  from pair p
  join article one on one.number = p.one
  join article other on other.number = p.other
)
select
  r.sku,
  r.product_name,
  r.other_sku,
  r.other_product_name,
  r.baskets_together,
  r.baskets,
  r.other_baskets,
  round(100.0 * r.baskets_together / r.all_baskets, 4) as support_percent,
  round(100.0 * r.baskets_together / r.baskets, 2) as confidence_percent,
  round(100.0 * r.baskets_together / r.other_baskets, 2) as other_confidence_percent,
  round(r.baskets_together::numeric * r.all_baskets / (r.baskets::bigint * r.other_baskets), 2) as lift,
  r.baskets_together < 5 as is_few,
  r.total_matches
from ranked r
where r.place > $7::int and r.place <= $7::int + $6::int
order by r.place;

-- name: sale_receipts
-- $1 first day, $2 last day (date, inclusive), $3 IANA time zone, $4 SKU or null. One row: how many baskets there
-- are in the period, and the product that was named; the SKU as it was given wins over the same in capitals.
select
  (
    select count(*)
    from retail.sales_transactions t
    where t.transaction_type = 'sale'
      and t.transaction_date >= ($1::date::timestamp at time zone $3::text)
      and t.transaction_date < (($2::date + 1)::timestamp at time zone $3)
  ) as baskets,
  (
    select p.product_id from retail.products p where p.sku in ($4::text, upper($4)) order by p.sku = $4 desc limit 1
  ) as product_id;
