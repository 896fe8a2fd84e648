-- name: customer_activity
-- Who bought in a period, beside an earlier one. One row.
-- $1 first day, $2 last day, $3 and $4 those of the earlier period (date, inclusive), $5 IANA time zone, $6 today
-- there (date), $7 days without a purchase after which a customer counts as lapsed (int).
-- A customer lapses on the day $7 days after a purchase if none came up to and on that day, and is won back
-- by the next purchase. Receipts of the two periods are read, and those of as long a time $7 days before them;
-- whether another purchase lies near one of these follows from the customer's first and last, or is looked up.
with period as (
  select 1 as number, $1::date as first_day, $2::date as last_day
  union all
  select 2, $3::date, $4::date
),
receipt as (
  select
    case when t.transaction_date < retail.day_start($1, $5::text) then 2 else 1 end as number,
    t.customer_id,
    count(*) filter (where t.transaction_type = 'sale') as orders,
    sum(t.subtotal) as net_revenue,
    min(t.transaction_date) filter (where t.transaction_type = 'sale') as first_at
  from retail.sales_transactions t
  where t.transaction_date >= retail.day_start($3, $5)
    and t.transaction_date < retail.day_end($2, $5)
    and (
      t.transaction_date < retail.day_end($4, $5)
      or t.transaction_date >= retail.day_start($1, $5)
    )
  group by 1, t.customer_id
),
known as (
  select
    c.customer_id,
    retail.local_date(c.first_purchase_at, $5) as first_day,
    retail.local_date(c.last_purchase_at, $5) as last_day
  from retail.customers c
  where c.purchase_count > 0
),
customer as (
  select
    r.number,
    r.customer_id,
    r.orders,
    r.net_revenue,
    retail.local_date(r.first_at, $5) as day,
    k.first_day as first_day_ever,
    k.first_day >= p.first_day as is_new
  from receipt r
  join period p on p.number = r.number
  left join known k on k.customer_id = r.customer_id
),
-- Between two purchases of one period there is room for a lapse only if it is longer than one.
gap as (
  select v.customer_id, v.day, v.day_after
  from (
    select d.customer_id, d.day, lead(d.day) over (partition by d.customer_id order by d.day) as day_after
    from (
      select distinct t.customer_id, retail.local_date(t.transaction_date, $5) as day
      from retail.sales_transactions t
      where greatest($2 - $1, $4 - $3) > $7::int
        and t.transaction_type = 'sale'
        and t.customer_id is not null
        and t.transaction_date >= retail.day_start($3 - $7, $5)
        and t.transaction_date < retail.day_end($2, $5)
    ) d
  ) v
  where v.day_after - v.day > $7
),
won_back as (
  select w.number, count(*)::int as customers
  from (
    select c.number, c.customer_id
    from customer c
    left join lateral (
      select true as found
      from retail.sales_transactions t
      where t.customer_id = c.customer_id
        and t.transaction_type = 'sale'
        and t.transaction_date >= retail.day_start(c.day - $7, $5)
        and t.transaction_date < retail.day_start(c.day, $5)
      limit 1
    ) near on true
    where c.first_day_ever < c.day - $7 and near.found is null
    union
    select p.number, g.customer_id
    from gap g
    join period p on g.day_after >= p.first_day and g.day_after <= p.last_day
  ) w
  group by w.number
),
last_visit as (
  select
    case when t.transaction_date < retail.day_start($1 - $7, $5) then 2 else 1 end as number,
    t.customer_id,
    retail.local_date(max(t.transaction_date), $5) as day
  from retail.sales_transactions t
  where t.transaction_type = 'sale'
    and t.customer_id is not null
    and t.transaction_date >= retail.day_start($3 - $7, $5)
    and t.transaction_date < retail.day_end(least($2, $6::date) - $7, $5)
    and (
      t.transaction_date < retail.day_end($4 - $7, $5)
      or t.transaction_date >= retail.day_start($1 - $7, $5)
    )
  group by 1, t.customer_id
),
lapsed as (
  select l.number, count(*)::int as customers
  from (
    select v.number, v.customer_id
    from last_visit v
    join known k on k.customer_id = v.customer_id
    left join lateral (
      select true as found
      from retail.sales_transactions t
      where k.last_day > v.day + $7
        and t.customer_id = v.customer_id
        and t.transaction_type = 'sale'
        and t.transaction_date >= retail.day_end(v.day, $5)
        and t.transaction_date < retail.day_end(v.day + $7, $5)
      limit 1
    ) near on true
    where (k.last_day <= v.day or k.last_day > v.day + $7) and near.found is null
    union
    select p.number, g.customer_id
    from gap g
    join period p on g.day + $7 >= p.first_day and g.day + $7 <= least(p.last_day, $6)
  ) l
  group by l.number
),
figure as (
  select
    p.number,
    count(c.customer_id) filter (where c.orders > 0) as buyers,
    count(c.customer_id) filter (where c.orders > 0 and c.is_new) as new_customers,
    count(c.customer_id) filter (where c.orders > 0 and not c.is_new) as returning_customers,
    count(c.customer_id) filter (where c.orders > 1) as repeat_buyers,
    coalesce(sum(c.orders) filter (where c.customer_id is not null), 0) as orders,
    coalesce(sum(c.net_revenue) filter (where c.is_new), 0.00) as new_net_revenue,
    coalesce(sum(c.net_revenue) filter (where c.customer_id is not null and c.is_new is not true), 0.00)
      as returning_net_revenue,
    coalesce(sum(c.net_revenue) filter (where c.customer_id is null), 0.00) as anonymous_net_revenue,
    round(
      sum(c.net_revenue) filter (where c.customer_id is not null)
        / nullif(count(c.customer_id) filter (where c.orders > 0), 0),
      2
    ) as net_revenue_per_buyer
  from period p
  left join customer c on c.number = p.number
  group by p.number
)
select
  now.buyers, now.new_customers, now.returning_customers,
  coalesce(won_now.customers, 0) as won_back_customers,
  coalesce(lost_now.customers, 0) as lapsed_customers,
  now.repeat_buyers, now.orders, now.new_net_revenue, now.returning_net_revenue, now.anonymous_net_revenue,
  now.net_revenue_per_buyer,
  before.buyers as before_buyers, before.new_customers as before_new_customers,
  before.returning_customers as before_returning_customers,
  coalesce(won_before.customers, 0) as before_won_back_customers,
  coalesce(lost_before.customers, 0) as before_lapsed_customers,
  before.repeat_buyers as before_repeat_buyers, before.orders as before_orders,
  before.new_net_revenue as before_new_net_revenue, before.returning_net_revenue as before_returning_net_revenue,
  before.anonymous_net_revenue as before_anonymous_net_revenue,
  before.net_revenue_per_buyer as before_net_revenue_per_buyer,
  now.buyers - before.buyers as buyers_change,
  round(100.0 * (now.buyers - before.buyers) / nullif(before.buyers, 0), 2) as buyers_change_percent,
  now.new_customers - before.new_customers as new_customers_change,
  round(100.0 * (now.new_customers - before.new_customers) / nullif(before.new_customers, 0), 2)
    as new_customers_change_percent,
  now.returning_customers - before.returning_customers as returning_customers_change,
  round(100.0 * (now.returning_customers - before.returning_customers) / nullif(before.returning_customers, 0), 2)
    as returning_customers_change_percent,
  coalesce(lost_now.customers, 0) - coalesce(lost_before.customers, 0) as lapsed_customers_change,
  round(
    100.0 * (coalesce(lost_now.customers, 0) - coalesce(lost_before.customers, 0))
      / nullif(lost_before.customers, 0),
    2
  ) as lapsed_customers_change_percent
from figure now
join figure before on before.number = 2
left join won_back won_now on won_now.number = 1
left join won_back won_before on won_before.number = 2
left join lapsed lost_now on lost_now.number = 1
left join lapsed lost_before on lost_before.number = 2
where now.number = 1;

-- name: tier_mix
-- The tiers of the loyalty programme, lowest first, each with its customers of today and what they bought in
-- a period. $1 first day, $2 last day (date, inclusive), $3 IANA time zone.
with tier as (
  select t.loyalty_tier, t.place
  from unnest(array['bronze', 'silver', 'gold', 'platinum']) with ordinality as t (loyalty_tier, place)
),
bought as (
  select
    t.customer_id,
    count(*) filter (where t.transaction_type = 'sale') as orders,
    sum(t.subtotal) as net_revenue
  from retail.sales_transactions t
  where t.customer_id is not null
    and t.transaction_date >= retail.day_start($1::date, $3::text)
    and t.transaction_date < retail.day_end($2::date, $3)
  group by t.customer_id
),
figure as (
  select
    tier.loyalty_tier,
    tier.place,
    count(c.customer_id) as customers,
    count(b.customer_id) filter (where b.orders > 0) as buyers,
    coalesce(sum(b.net_revenue), 0.00) as net_revenue
  from tier
  left join retail.customers c on c.loyalty_tier = tier.loyalty_tier
  left join bought b on b.customer_id = c.customer_id
  group by tier.loyalty_tier, tier.place
)
select
  f.loyalty_tier,
  f.customers,
  round(100 * f.customers / nullif(sum(f.customers) over (), 0), 2) as share_of_customers_percent,
  f.buyers,
  f.net_revenue,
  round(100 * f.net_revenue / nullif(sum(f.net_revenue) over (), 0), 2) as share_of_net_revenue_percent,
  f.customers < 5 as is_few
from figure f
order by f.place;

-- name: segments
-- All segments, best first, whether anybody is in them or not. $1 IANA time zone, $2 today there (date).
with segment as (
  select s.segment, s.place, s.definition
  from (values
    ('champions', 1, 'R 4-5, FM 4-5: bought lately, often and for much'),
    ('loyal', 2, 'R 3, FM 4-5: buy often and for much'),
    ('potential_loyalists', 3, 'R 4-5, FM 2-3: bought lately, more than once or for more than most'),
    ('new', 4, 'R 5, FM 1: bought just now and little yet'),
    ('promising', 5, 'R 4, FM 1: bought lately and little yet'),
    ('need_attention', 6, 'R 3, FM 3: middling in everything'),
    ('about_to_sleep', 7, 'R 3, FM 1-2: little, and not lately'),
    ('at_risk', 8, 'R 1-2, FM 3, or R 2, FM 4-5: were good, have been away for long'),
    ('cant_lose', 9, 'R 1, FM 4-5: were among the best, have been away longest'),
    ('hibernating', 10, 'R 2, FM 1-2: little, and long ago'),
    ('lost', 11, 'R 1, FM 1-2: little, and longest ago')
  ) s (segment, place, definition)
),
figure as (
  select
    g.segment,
    g.place,
    g.definition,
    count(s.customer_id) as customers,
    coalesce(sum(s.total_lifetime_value), 0.00) as lifetime_value,
    round(avg(s.total_lifetime_value), 2) as average_lifetime_value,
    round(avg(s.purchase_count), 1) as average_orders,
    round(avg($2::date - retail.local_date(s.last_purchase_at, $1::text)), 1) as average_days_since_last_purchase
  from segment g
  left join retail.customer_scores s on s.segment = g.segment
  group by g.segment, g.place, g.definition
)
select
  f.segment,
  f.definition,
  f.customers,
  round(100 * f.customers / nullif(sum(f.customers) over (), 0), 2) as share_of_customers_percent,
  f.lifetime_value,
  round(100 * f.lifetime_value / nullif(sum(f.lifetime_value) over (), 0), 2) as share_of_lifetime_value_percent,
  f.average_lifetime_value,
  f.average_orders,
  f.average_days_since_last_purchase,
  f.customers < 5 as is_few
from figure f
order by f.place;

-- name: value_bands
-- Buyers in ten bands of the same size by lifetime value, highest first. No parameters.
with banded as (
  select
    c.total_lifetime_value,
    ntile(10) over (order by c.total_lifetime_value desc, c.customer_id) as band
  from retail.customers c
  where c.purchase_count > 0
),
figure as (
  select
    b.band,
    count(*) as customers,
    min(b.total_lifetime_value) as lowest_value,
    max(b.total_lifetime_value) as highest_value,
    sum(b.total_lifetime_value) as lifetime_value
  from banded b
  group by b.band
)
select
  f.band,
  f.customers,
  f.lowest_value,
  f.highest_value,
  f.lifetime_value,
  round(100 * f.lifetime_value / nullif(sum(f.lifetime_value) over (), 0), 2) as share_percent,
  round(100 * sum(f.lifetime_value) over (order by f.band) / nullif(sum(f.lifetime_value) over (), 0), 2)
    as share_with_those_above_percent,
  f.customers < 5 as is_few
from figure f
order by f.band;

-- name: value_figures
-- All customers of the store in figures. No parameters; one row.
select
  count(*) filter (where c.purchase_count > 0) as buyers,
  count(*) filter (where c.purchase_count = 0) as customers_without_purchase,
  coalesce(sum(c.total_lifetime_value) filter (where c.purchase_count > 0), 0.00) as lifetime_value,
  round(avg(c.total_lifetime_value) filter (where c.purchase_count > 0), 2) as mean_value,
  percentile_disc(0.5) within group (order by c.total_lifetime_value) filter (where c.purchase_count > 0)
    as median_value
from retail.customers c;

-- name: cohorts
-- Retention by month of first purchase, oldest month first; then one row for all of them, without a month.
-- $1 first and $2 last month (first days, date), $3 IANA time zone. All months are whole ones.
-- retained holds, for the first month after the first purchase and each further one up to $2, how many bought.
with month as (
  select s::date as first_day, (row_number() over (order by s))::int as number
  from generate_series($1::date::timestamp, $2::date::timestamp, interval '1 month') s
),
span as (
  select
    m.first_day,
    m.number,
    retail.day_start(m.first_day, $3::text) as starts_at,
    retail.day_start((m.first_day + interval '1 month')::date, $3) as ends_at
  from month m
),
cohort as (
  select c.customer_id, s.first_day, s.number
  from span s
  join retail.customers c on c.first_purchase_at >= s.starts_at and c.first_purchase_at < s.ends_at
),
-- The months in which each customer bought as bits, so that a receipt is looked at once, and nothing is sorted.
bought as (
  select
    t.customer_id,
    bit_or(1::bigint << width_bucket(t.transaction_date, (select array_agg(s.starts_at order by s.number) from span s)))
      as months
  from retail.sales_transactions t
  where t.transaction_type = 'sale'
    and t.customer_id is not null
    and t.transaction_date >= (select min(s.starts_at) from span s)
    and t.transaction_date < (select max(s.ends_at) from span s)
  group by t.customer_id
),
alike as (
  select c.number, b.months, count(*) as customers
  from cohort c
  join bought b on b.customer_id = c.customer_id
  group by c.number, b.months
),
active as (
  select a.number as cohort, later.number - a.number as age, sum(a.customers) as retained
  from alike a
  join month later on later.number > a.number and a.months & (1::bigint << later.number) <> 0
  group by 1, 2
),
size as (
  select m.first_day, m.number, count(c.customer_id)::int as customers
  from month m
  left join cohort c on c.number = m.number
  group by m.first_day, m.number
),
-- The row of all cohorts sets each age beside the cohorts that are as old.
by_age as (
  select
    s.first_day as cohort_month,
    later.number - s.number as age,
    sum(s.customers) as customers,
    coalesce(sum(a.retained), 0)::int as retained
  from size s
  left join month later on later.number > s.number
  left join active a on a.cohort = s.number and a.age = later.number - s.number
  group by grouping sets ((s.first_day, later.number - s.number), (later.number - s.number))
),
whole as (
  select null::date as cohort_month, sum(s.customers)::int as customers from size s
  union all
  select s.first_day, s.customers from size s
)
select
  w.cohort_month,
  w.customers,
  coalesce(array_agg(b.retained order by b.age) filter (where b.age is not null), '{}') as retained,
  coalesce(
    array_agg(round(100.0 * b.retained / nullif(b.customers, 0), 2) order by b.age) filter (where b.age is not null), '{}'
  ) as retained_percent,
  w.customers < 5 as is_few
from whole w
left join by_age b on b.cohort_month is not distinct from w.cohort_month
group by w.cohort_month, w.customers
order by w.cohort_month nulls last;
