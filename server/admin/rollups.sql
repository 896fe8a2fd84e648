-- name: rollup_stores
-- $1 store id or null: that store, or every one, in order.
select s.store_id from retail.stores s where $1::text is null or s.store_id = $1 order by s.store_id;

-- name: sum_rollups
-- $1 store id: sums its daily rollups anew.
select retail.sum_daily_sales($1);

-- name: copy_rollups
-- Keeps the daily rollups of the store retail.checked_store aside until the transaction ends.
create temporary table kept_sales on commit drop as
select d.* from retail.daily_sales d where d.store_id = current_setting('retail.checked_store');

-- name: differing_days
-- $1 store id: days on which the rollups differ from those that were kept aside.
select distinct x.sold_on
from (
  (select * from retail.daily_sales d where d.store_id = $1 except all select * from kept_sales)
  union all
  (select * from kept_sales except all select * from retail.daily_sales d where d.store_id = $1)
) x
order by x.sold_on;
