-- Daily rollups: the table.
--
-- Assumes: 0040. What the sums mean, and the triggers that keep them, are in repeatable/0045.

set role retail_owner;

create table if not exists retail.daily_sales (
  store_id text not null references retail.stores on delete cascade,
  dimension text not null,
  sold_on date not null,
  member text not null,
  lines bigint not null,
  transactions bigint not null,
  returns bigint not null,
  units_sold bigint not null,
  units_returned bigint not null,
  gross_cents bigint not null,
  returned_cents bigint not null,
  discount_cents bigint not null,
  tax_cents bigint not null,
  cost_cents bigint not null,
  lines_without_cost bigint not null,
  basket_cents bigint not null,
  basket_units bigint not null,
  primary key (store_id, dimension, sold_on, member)
);
comment on table retail.daily_sales is
  'Sums per day and member of a dimension, kept by triggers. Amounts in hundredths of the currency.';
comment on column retail.daily_sales.dimension is
  'total, or a dimension column of retail.sold_lines; product for product_id, product_month for it by month.';
comment on column retail.daily_sales.sold_on is 'Day in the store''s time zone.';
comment on column retail.daily_sales.transactions is 'Sale receipts that have a line of this member.';
comment on column retail.daily_sales.returns is 'Return and exchange receipts that have one.';
comment on column retail.daily_sales.gross_cents is 'Goods to customers, after discount, before tax.';
comment on column retail.daily_sales.returned_cents is 'Goods back from customers, a positive amount.';
comment on column retail.daily_sales.discount_cents is 'Discounts on goods to customers.';
comment on column retail.daily_sales.tax_cents is 'Tax charged less tax refunded.';
comment on column retail.daily_sales.cost_cents is 'Cost of goods sold less of goods returned, where it is known.';
comment on column retail.daily_sales.basket_cents is 'Goods on sale receipts.';
comment on column retail.daily_sales.basket_units is 'Units on sale receipts.';

reset role;
