-- name: customer
-- $1 customer id, $2 IANA time zone, $3 today there (date). One customer with figures, or no row.
-- A purchase is a sale receipt; the average basket is what it is in sales_figures.
select
  c.customer_id,
  c.pseudonym,
  c.first_name || ' ' || c.last_name as name,
  c.email,
  c.phone,
  c.date_of_birth,
  c.gender,
  retail.local_date(c.erased_at, $2) as erased_date,
  c.customer_since,
  c.loyalty_tier,
  bought.lifetime_value,
  bought.orders,
  bought.returns,
  bought.average_basket,
  bought.first_purchase_date,
  bought.last_purchase_date,
  $3::date - bought.last_purchase_date as days_since_last_purchase
from retail.customer_card c
cross join lateral (
  select
    coalesce(sum(t.total_amount), 0.00) as lifetime_value,
    count(*) filter (where t.transaction_type = 'sale') as orders,
    count(*) filter (where t.transaction_type <> 'sale') as returns,
    round(avg(t.subtotal) filter (where t.transaction_type = 'sale'), 2) as average_basket,
    retail.local_date(min(t.transaction_date) filter (where t.transaction_type = 'sale'), $2::text)
      as first_purchase_date,
    retail.local_date(max(t.transaction_date) filter (where t.transaction_type = 'sale'), $2::text)
      as last_purchase_date
  from retail.sales_transactions t
  where t.store_id = c.store_id and t.customer_id = c.customer_id
) bought
where c.customer_id = $1::uuid;

-- name: rfm_scores
-- $1 customer id. The scores of retail.customer_scores for one customer, without ranking all others; no row for
-- who is not in it.
select
  retail.rfm_segment(s.recency_score, s.frequency_score, s.monetary_score) as segment,
  s.recency_score,
  s.frequency_score,
  s.monetary_score
from (
  select
    6 - retail.rfm_score(count(*) filter (where o.last_purchase_at > c.last_purchase_at), count(*)) as recency_score,
    retail.rfm_score(count(*) filter (where o.purchase_count < c.purchase_count), count(*)) as frequency_score,
    retail.rfm_score(count(*) filter (where o.total_lifetime_value < c.total_lifetime_value), count(*))
      as monetary_score
  from retail.customer_card c
  join retail.customer_card o on o.purchase_count > 0 and o.erased_at is null
  where c.customer_id = $1::uuid and c.purchase_count > 0 and c.erased_at is null
) s
where s.recency_score is not null;

-- name: purchase_rhythm
-- $1 customer id, $2 IANA time zone, $3 today there (date). One row. Three pauses are the fewest that tell
-- a rhythm from chance.
with day as (
  select distinct retail.local_date(t.transaction_date, $2::text) as bought
  from retail.sales_transactions t
  where t.customer_id = $1::uuid and t.transaction_type = 'sale'
),
pause as (
  select d.bought, d.bought - lag(d.bought) over (order by d.bought) as days
  from day d
),
figure as (
  select
    count(*) as purchase_days,
    percentile_cont(0.5) within group (order by p.days) as median_days_between,
    round(avg(p.days), 1) as mean_days_between,
    case when count(p.days) >= 3 then
      max(p.bought) + ceil(percentile_cont(0.5) within group (order by p.days))::int
    end as expected_next_purchase_date
  from pause p
)
select
  f.purchase_days,
  f.median_days_between,
  f.mean_days_between,
  f.expected_next_purchase_date,
  f.expected_next_purchase_date < $3::date as is_overdue,
  case when f.expected_next_purchase_date is not null then greatest($3 - f.expected_next_purchase_date, 0) end
    as days_overdue
from figure f;

-- name: recent_purchases
-- $1 customer id. The five latest receipts, newest first, each with up to five product names.
select
  t.receipt_number,
  t.transaction_date,
  t.transaction_type,
  t.total_amount,
  coalesce(bought.names[1:5], '{}') as products,
  coalesce(cardinality(bought.names), 0) as product_count
from retail.sales_transactions t
left join lateral (
  select array_agg(p.product_name order by line.price desc, p.sku) as names
  from (
    select i.store_id, i.product_id, sum(i.total_price) as price
    from retail.sales_transaction_items i
    where i.store_id = t.store_id and i.transaction_id = t.transaction_id
    group by i.store_id, i.product_id
  ) line
  join retail.products p on p.store_id = line.store_id and p.product_id = line.product_id
) bought on true
where t.customer_id = $1::uuid
order by t.transaction_date desc, t.transaction_id desc
limit 5;

-- name: favourite_categories
-- $1 customer id. The three top-level categories with the highest net revenue, if above zero.
with category as (
  select
    category.top_category_name as category,
    sum(i.direction * i.total_price) as net_revenue,
    sum(i.direction * i.quantity) as units
  from retail.sales_transactions t
  join retail.sales_transaction_items i on i.store_id = t.store_id and i.transaction_id = t.transaction_id
  join retail.products p on p.store_id = i.store_id and p.product_id = i.product_id
  left join retail.category_tree category on category.category_id = p.category_id
  where t.customer_id = $1::uuid
  group by 1
)
select
  c.category,
  c.net_revenue,
  c.units,
  round(100 * c.net_revenue / nullif((select sum(w.net_revenue) from category w), 0), 2) as share_percent
from category c
where c.net_revenue > 0
order by c.net_revenue desc, c.category
limit 3;
