-- name: describe_views
-- Views that a query may use, with their columns and comments, in the order in which they were made.
select d.table_name, d.table_comment, d.column_name, d.column_type, d.column_comment from analytics.describe() d;

-- name: example_values
-- Up to eight values, most frequent first, of the columns that have few and no personal ones. The store of the context.
select v.table_name, v.column_name, v.examples
from (
  select
    'customers' as table_name,
    'loyalty_tier' as column_name,
    array(select loyalty_tier from customers group by 1 order by count(*) desc, 1 limit 8) as examples
  union all
  select 'products', 'category_name', array(
    select category_name from products where category_name is not null group by 1 order by count(*) desc, 1 limit 8)
  union all
  select 'products', 'top_category_name', array(
    select top_category_name from products where top_category_name is not null
    group by 1 order by count(*) desc, 1 limit 8)
  union all
  select 'products', 'brand', array(
    select brand from products where brand is not null group by 1 order by count(*) desc, 1 limit 8)
  union all
  select 'sales', 'transaction_type', array(
    select transaction_type from sales group by 1 order by count(*) desc, 1 limit 8)
  union all
  select 'sales', 'payment_method', array(
    select payment_method from sales where payment_method is not null group by 1 order by count(*) desc, 1 limit 8)
) v;
