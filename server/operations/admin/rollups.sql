-- name: rollup_stores
-- $1 store id or null: that store, or every one, in order.
select s.store_id from retail.stores s where $1::text is null or s.store_id = $1 order by s.store_id;

-- name: sum_rollups
-- $1 store id: sums its daily rollups anew.
select retail.sum_daily_sales($1);

-- name: record_rollups
-- $1 store id.
select audit.record_operation('rollups_rebuilt', $1, '{}'::jsonb);

-- name: days_of_rollups
-- $1 store id: each day with a digest over its daily rollups.
select d.sold_on, md5(string_agg(d::text, ' ' order by d.dimension, d.member)) as digest
from retail.daily_sales d
where d.store_id = $1
group by d.sold_on;
