-- name: bought_together
-- Pairs of products that were on the same sale receipts, one page of the ranking.
-- $1 first day, $2 last day (date, inclusive), $3 IANA time zone, $4 the product that is one of each pair, or null for the
-- pairs of all, $5 fewest receipts with both, $6 'lift', 'confidence' or 'baskets', $7 limit, $8 offset,
-- $9 sale receipts of the period (int).
-- By lift, by the share of the first one's baskets, or by baskets with both; of equals, more baskets and SKU. Where none
-- was named, the product with fewer baskets comes first: whoever buys it is the likelier to buy the other.
with article as materialized (
  select p.product_id, p.sku, p.product_name, (row_number() over (order by p.product_id))::int as number
  from retail.products p
),
-- The products of each basket, once each. With a product named, of its baskets alone.
basket as materialized (
  select array_agg(distinct a.number order by a.number) as numbers
  from retail.sales_transactions t
  join retail.sales_transaction_items i on i.store_id = t.store_id and i.transaction_id = t.transaction_id
  join article a on a.product_id = i.product_id
  where t.transaction_type = 'sale'
    and t.transaction_date >= retail.day_start($1::date, $3::text)
    and t.transaction_date < retail.day_end($2::date, $3)
    and ($4::uuid is null or t.transaction_id in (
      select n.transaction_id from retail.sales_transaction_items n where n.product_id = $4
    ))
  group by t.transaction_id
),
counted as (
  select number, count(*) as baskets
  from basket b
  cross join lateral unnest(b.numbers) number
  where $4 is null
  group by number
),
-- Made within each basket: a join of lines with lines would compare all with all where the planner expects few.
both_in as (
  select b.numbers[place] as one, other, count(*) as baskets_together
  from basket b
  cross join lateral generate_subscripts(b.numbers, 1) place
  cross join lateral unnest(b.numbers[place + 1:]) other
  where $4 is null
  group by 1, 2
  having count(*) >= $5::int
  union all
  select named.number, other, count(*)
  from article named
  cross join basket b
  cross join lateral unnest(b.numbers) other
  where named.product_id = $4 and other <> named.number
  group by 1, 2
  having count(*) >= $5
),
pair as (
  select
    case when one.baskets <= other.baskets then b.one else b.other end as one,
    case when one.baskets <= other.baskets then b.other else b.one end as other,
    b.baskets_together,
    least(one.baskets, other.baskets) as baskets,
    greatest(one.baskets, other.baskets) as other_baskets
  from both_in b
  join counted one on one.number = b.one
  join counted other on other.number = b.other
  where $4 is null
  union all
  select
    b.one,
    b.other,
    b.baskets_together,
    (select count(*) from basket),
    (
      select count(distinct t.transaction_id)
      from retail.sales_transaction_items i
      join retail.sales_transactions t on t.store_id = i.store_id and t.transaction_id = i.transaction_id
      where i.product_id = other.product_id
        and t.transaction_type = 'sale'
        and t.transaction_date >= retail.day_start($1, $3)
        and t.transaction_date < retail.day_end($2, $3)
    )
  from both_in b
  join article other on other.number = b.other
  where $4 is not null
),
ranked as (
  select
    row_number() over (
      order by
        case $6::text
          when 'baskets' then p.baskets_together
          when 'confidence' then p.baskets_together::numeric / p.baskets
          else p.baskets_together::numeric * $9::int / (p.baskets * p.other_baskets)
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
    p.other_baskets
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
  round(100.0 * r.baskets_together / $9, 4) as support_percent,
  round(100.0 * r.baskets_together / r.baskets, 2) as confidence_percent,
  round(100.0 * r.baskets_together / r.other_baskets, 2) as other_confidence_percent,
  round(r.baskets_together::numeric * $9 / (r.baskets * r.other_baskets), 2) as lift,
  r.baskets_together < 5 as is_few,
  r.total_matches
from ranked r
where r.place > $8::int and r.place <= $8::int + $7::int
order by r.place;

-- name: sale_receipts
-- $1 first day, $2 last day (date, inclusive), $3 IANA time zone, $4 SKU or null. One row: how many baskets there
-- are in the period, and the product that was named; the SKU as it was given wins over the same in capitals.
select
  (
    select count(*)
    from retail.sales_transactions t
    where t.transaction_type = 'sale'
      and t.transaction_date >= retail.day_start($1::date, $3::text)
      and t.transaction_date < retail.day_end($2::date, $3)
  ) as baskets,
  (
    select p.product_id from retail.products p where p.sku in ($4::text, upper($4)) order by p.sku = $4 desc limit 1
  ) as product_id;
