-- Daily rollups: what was sold per day, in total and by each member of a dimension.
--
-- Assumes: 0040. Row level security follows in 0050, like that of every tenant table.
--
-- A year of a busy store is a million receipts; what people ask of it is a few hundred sums. They are kept
-- here, written in the transaction of the receipt, so that they are never behind. Every figure adds up over
-- days, the number of receipts too: it counts the receipts that have the member, and a receipt has one day.
-- Over members only what is summed over lines adds up; how many receipts had either of two categories
-- is a question for the base rows.
--
-- New lines are added to the sums. Everything else that moves a figure is rare (a receipt corrected, a
-- product put into another category, a customer promoted, a store that counts its days in another time
-- zone) and sums what it touched anew from the base rows.
--
-- Products are many: their sums are kept per month as well, under the month's first day (dimension product_month), so that
-- a ranking over a year reads a twelfth.
--
-- Writers of one store's sums wait for one another: they lock its row of retail.stores first. That orders
-- them, so they cannot deadlock over sums, and a store does not change its time zone under a sale. NOTE: the
-- triggers are named to fire before those of 0040, so that stock and spending are locked afterwards.

set role retail_owner;

-- Each line of a receipt with everything that it is counted by, but for the categories above that of its product.
-- (none) is the member of what has none.
create or replace view retail.receipt_lines with (security_invoker = true) as
select
  i.store_id, i.item_id, i.transaction_id, t.transaction_date, t.customer_id,
  retail.local_date(t.transaction_date, s.time_zone) as sold_on,
  to_char(t.transaction_date at time zone s.time_zone, 'HH24') as hour,
  t.transaction_type,
  coalesce(t.payment_method, '(none)') as payment_method,
  coalesce(t.cashier_id, '(none)') as cashier,
  coalesce(t.register_id, '(none)') as register,
  coalesce(c.loyalty_tier, '(none)') as customer_tier,
  i.product_id,
  p.category_id,
  coalesce(p.brand, '(none)') as brand,
  case
    when i.unit_price < 10 then '0 to 9.99'
    when i.unit_price < 25 then '10 to 24.99'
    when i.unit_price < 50 then '25 to 49.99'
    when i.unit_price < 100 then '50 to 99.99'
    when i.unit_price < 250 then '100 to 249.99'
    else '250 and more'
  end as price_band,
  t.transaction_type = 'sale' as is_sale,
  i.direction = 1 as is_sold,
  i.quantity,
  (100 * i.total_price)::bigint as price_cents,
  (100 * i.discount_amount)::bigint as discount_cents,
  (100 * i.direction * i.tax_amount)::bigint as tax_cents,
  (100 * i.direction * i.quantity * i.unit_cost)::bigint as cost_cents
from retail.sales_transaction_items i
join retail.sales_transactions t on t.store_id = i.store_id and t.transaction_id = i.transaction_id
join retail.stores s on s.store_id = i.store_id
join retail.products p on p.store_id = i.store_id and p.product_id = i.product_id
left join retail.customers c on c.store_id = t.store_id and c.customer_id = t.customer_id;
comment on view retail.receipt_lines is
  'Lines of receipts with the dimensions that sales are counted by, but for categories; amounts in hundredths of the currency.';

create or replace view retail.sold_lines with (security_invoker = true) as
select
  l.store_id, l.item_id, l.transaction_id, l.transaction_date, l.customer_id, l.sold_on, l.hour, l.transaction_type,
  l.payment_method, l.cashier, l.register, l.customer_tier, l.product_id,
  coalesce(k.top_category_name, '(none)') as category,
  coalesce(k.category_name, '(none)') as subcategory,
  k.names as category_names,
  l.brand, l.price_band, l.is_sale, l.is_sold, l.quantity, l.price_cents, l.discount_cents, l.tax_cents, l.cost_cents
from retail.receipt_lines l
left join retail.category_tree k on k.category_id = l.category_id;
comment on view retail.sold_lines is
  'Lines of receipts with every dimension that sales are counted by; amounts in hundredths of the currency.';

-- What a line is counted under, once per dimension that there are sums for.
create or replace function retail.members(
  hour text, category text, subcategory text, brand text, product_id uuid, price_band text, payment_method text,
  transaction_type text, customer_tier text, cashier text, register text
)
returns table (dimension text, member text)
language sql immutable parallel safe rows 13
begin atomic
  values
    ('total', ''),
    ('hour', hour),
    ('category', category),
    ('subcategory', subcategory),
    ('brand', brand),
    ('product', product_id::text),
    ('product_month', product_id::text),
    ('price_band', price_band),
    ('payment_method', payment_method),
    ('transaction_type', transaction_type),
    ('customer_tier', customer_tier),
    ('cashier', cashier),
    ('register', register);
end;
comment on function retail.members(text, text, text, text, uuid, text, text, text, text, text, text) is
  'What a line is counted under, by dimension.';

create or replace function retail.lock_sales(of_stores text[]) returns void
language sql volatile
begin atomic
  select s.store_id from retail.stores s where s.store_id = any(of_stores) order by s.store_id for no key update;
end;
comment on function retail.lock_sales(text[]) is 'Makes the writers of a store''s sums wait for one another.';

-- Null means all: days, dimensions and members. Days are taken a week at a time, which fits in memory and is read by
-- indexes.
-- NOTE: "(select of_store)" hides the store from the planner, here and below, so that it expects an average store. Of
-- a store that came after the last analyze it would expect no row: then every index that begins with the store looks
-- as good as the right one, and any join as good as a hash join, which makes the time grow with the square.
create or replace function retail.sum_daily_sales(
  of_store text, first_day date default null, last_day date default null,
  of_dimensions text[] default null, of_members text[] default null
) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set work_mem = '64MB'
set random_page_cost = 1.1
set jit = off
as $$
#variable_conflict use_column
declare
  zone text;
  day date;
  until date;
begin
  perform retail.lock_sales(array[of_store]);
  select s.time_zone into zone from retail.stores s where s.store_id = of_store;
  delete from retail.daily_sales d
  where d.store_id = (select of_store)
    and (first_day is null or d.sold_on >= first_day)
    and (last_day is null or d.sold_on <= last_day)
    and (of_dimensions is null or d.dimension = any(of_dimensions))
    and (of_members is null or d.member = any(of_members));

  select
    coalesce(first_day, retail.local_date(min(t.transaction_date), zone)),
    coalesce(last_day, retail.local_date(max(t.transaction_date), zone))
  into day, until
  from retail.sales_transactions t where t.store_id = (select of_store);

  while day <= until loop
    -- Lines are read once for all dimensions. A receipt counts for a member with its first line of it.
    insert into retail.daily_sales
    select of_store, m.dimension, l.sold_on, m.member,
      count(*),
      count(*) filter (where l.is_sale and m.is_first),
      count(*) filter (where not l.is_sale and m.is_first),
      coalesce(sum(l.quantity) filter (where l.is_sold), 0),
      coalesce(sum(l.quantity) filter (where not l.is_sold), 0),
      coalesce(sum(l.price_cents) filter (where l.is_sold), 0),
      coalesce(sum(l.price_cents) filter (where not l.is_sold), 0),
      coalesce(sum(l.discount_cents) filter (where l.is_sold), 0),
      sum(l.tax_cents),
      coalesce(sum(l.cost_cents), 0),
      count(*) filter (where l.cost_cents is null),
      coalesce(sum(l.price_cents) filter (where l.is_sale), 0),
      coalesce(sum(l.quantity) filter (where l.is_sale), 0)
    from (
      select
        l.sold_on, l.hour, l.category, l.subcategory, l.brand, l.product_id, l.price_band, l.payment_method,
        l.transaction_type, l.customer_tier, l.cashier, l.register,
        l.is_sale, l.is_sold, l.quantity, l.price_cents, l.discount_cents, l.tax_cents, l.cost_cents,
        count(*) over before = 0 as first_of_receipt,
        l.category = any(array_agg(l.category) over before) is not true as first_in_category,
        l.subcategory = any(array_agg(l.subcategory) over before) is not true as first_in_subcategory,
        l.brand = any(array_agg(l.brand) over before) is not true as first_of_brand,
        l.product_id = any(array_agg(l.product_id) over before) is not true as first_of_product,
        l.price_band = any(array_agg(l.price_band) over before) is not true as first_in_price_band
      from retail.sold_lines l
      where l.store_id = (select of_store)
        and l.transaction_date >= retail.day_start(day, zone)
        and l.transaction_date < retail.day_end(least(day + 6, until), zone)
        and (of_members is null or exists (
          select from retail.members(
            l.hour, l.category, l.subcategory, l.brand, l.product_id, l.price_band, l.payment_method,
            l.transaction_type, l.customer_tier, l.cashier, l.register
          ) m
          where m.member = any(of_members)
        ))
      window before as (partition by l.transaction_id rows between unbounded preceding and 1 preceding)
    ) l
    cross join lateral (
      values
        ('total', '', l.first_of_receipt),
        ('hour', l.hour, l.first_of_receipt),
        ('category', l.category, l.first_in_category),
        ('subcategory', l.subcategory, l.first_in_subcategory),
        ('brand', l.brand, l.first_of_brand),
        ('product', l.product_id::text, l.first_of_product),
        ('price_band', l.price_band, l.first_in_price_band),
        ('payment_method', l.payment_method, l.first_of_receipt),
        ('transaction_type', l.transaction_type, l.first_of_receipt),
        ('customer_tier', l.customer_tier, l.first_of_receipt),
        ('cashier', l.cashier, l.first_of_receipt),
        ('register', l.register, l.first_of_receipt)
    ) m (dimension, member, is_first)
    where (of_dimensions is null or m.dimension = any(of_dimensions))
      and (of_members is null or m.member = any(of_members))
    group by m.dimension, l.sold_on, m.member
    order by m.dimension, l.sold_on, m.member;
    day := day + 7;
  end loop;

  -- Of changed days the whole month.
  if of_dimensions is null or 'product' = any(of_dimensions) then
    delete from retail.daily_sales d
    where d.store_id = (select of_store) and d.dimension = 'product_month'
      and (first_day is null or d.sold_on >= date_trunc('month', first_day::timestamp))
      and (last_day is null or d.sold_on <= last_day);
    insert into retail.daily_sales
    select d.store_id, 'product_month', date_trunc('month', d.sold_on::timestamp)::date as month, d.member,
      sum(d.lines), sum(d.transactions), sum(d.returns), sum(d.units_sold), sum(d.units_returned), sum(d.gross_cents),
      sum(d.returned_cents), sum(d.discount_cents), sum(d.tax_cents), sum(d.cost_cents), sum(d.lines_without_cost),
      sum(d.basket_cents), sum(d.basket_units)
    from retail.daily_sales d
    where d.store_id = (select of_store) and d.dimension = 'product'
      and (first_day is null or d.sold_on >= date_trunc('month', first_day::timestamp))
      and (last_day is null or d.sold_on < date_trunc('month', last_day::timestamp) + interval '1 month')
    group by d.store_id, month, d.member
    order by month, d.member;
  end if;
end
$$;
comment on function retail.sum_daily_sales(text, date, date, text[], text[]) is
  'Sums a store''s daily rollups anew from its receipts: all, or those of some days, dimensions and members.';

-- A receipt counts for a member with its first line of it: where an older line has the member, it has been counted.
-- An import passes a hundred thousand lines at a time, of a store that the planner may know nothing of. So nothing here
-- is left to what it expects; each step takes time by the line under any plan:
-- - "offset 0" keeps the look-up of a receipt together, so that it is made once per receipt and by its whole key;
-- - a full join is never planned as a nested loop; the categories that no line has are left out afterwards;
-- - "in (select ...)" among the results is a hash table as long as that fits work_mem; 64 MB hold three million items.
create or replace function retail.add_daily_sales(of_store text, of_receipts uuid[], new_items uuid[]) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set work_mem = '64MB'
as $$
#variable_conflict use_column
begin
  with line as materialized (
    select l.*,
      coalesce(k.top_category_name, '(none)') as category,
      coalesce(k.category_name, '(none)') as subcategory,
      l.item_id in (select unnest(new_items)) as is_new
    from (select distinct r.transaction_id from unnest(of_receipts) r (transaction_id)) r
    cross join lateral (
      select * from retail.receipt_lines l
      where l.store_id = (select of_store) and l.transaction_id = r.transaction_id
      offset 0
    ) l
    full join retail.category_tree k on k.category_id = l.category_id
  )
  insert into retail.daily_sales as present
  select r.store_id, r.dimension, r.sold_on, r.member,
    sum(r.lines), count(*) filter (where r.is_sale and r.is_first), count(*) filter (where not r.is_sale and r.is_first),
    sum(r.units_sold), sum(r.units_returned), sum(r.gross_cents), sum(r.returned_cents),
    sum(r.discount_cents), sum(r.tax_cents), sum(r.cost_cents), sum(r.lines_without_cost),
    coalesce(sum(r.gross_cents + r.returned_cents) filter (where r.is_sale), 0),
    coalesce(sum(r.units_sold + r.units_returned) filter (where r.is_sale), 0)
  from (
    select m.store_id, d.dimension, c.sold_on, d.member, m.transaction_id, m.is_sale,
      bool_and(m.is_new) as is_first,
      count(*) filter (where m.is_new) as lines,
      coalesce(sum(m.quantity) filter (where m.is_sold and m.is_new), 0) as units_sold,
      coalesce(sum(m.quantity) filter (where not m.is_sold and m.is_new), 0) as units_returned,
      coalesce(sum(m.price_cents) filter (where m.is_sold and m.is_new), 0) as gross_cents,
      coalesce(sum(m.price_cents) filter (where not m.is_sold and m.is_new), 0) as returned_cents,
      coalesce(sum(m.discount_cents) filter (where m.is_sold and m.is_new), 0) as discount_cents,
      coalesce(sum(m.tax_cents) filter (where m.is_new), 0) as tax_cents,
      coalesce(sum(m.cost_cents) filter (where m.is_new), 0) as cost_cents,
      count(*) filter (where m.cost_cents is null and m.is_new) as lines_without_cost
    from line m
    cross join lateral retail.members(
      m.hour, m.category, m.subcategory, m.brand, m.product_id, m.price_band, m.payment_method, m.transaction_type,
      m.customer_tier, m.cashier, m.register
    ) d
    cross join lateral (
      select case d.dimension
        when 'product_month' then date_trunc('month', m.sold_on::timestamp)::date
        else m.sold_on
      end as sold_on
    ) c
    where m.item_id is not null
    group by m.store_id, d.dimension, c.sold_on, d.member, m.transaction_id, m.is_sale
    having bool_or(m.is_new)
  ) r
  group by r.store_id, r.dimension, r.sold_on, r.member
  order by r.dimension, r.sold_on, r.member
  on conflict (store_id, dimension, sold_on, member) do update
  set lines = present.lines + excluded.lines,
      transactions = present.transactions + excluded.transactions,
      returns = present.returns + excluded.returns,
      units_sold = present.units_sold + excluded.units_sold,
      units_returned = present.units_returned + excluded.units_returned,
      gross_cents = present.gross_cents + excluded.gross_cents,
      returned_cents = present.returned_cents + excluded.returned_cents,
      discount_cents = present.discount_cents + excluded.discount_cents,
      tax_cents = present.tax_cents + excluded.tax_cents,
      cost_cents = present.cost_cents + excluded.cost_cents,
      lines_without_cost = present.lines_without_cost + excluded.lines_without_cost,
      basket_cents = present.basket_cents + excluded.basket_cents,
      basket_units = present.basket_units + excluded.basket_units;
end
$$;
comment on function retail.add_daily_sales(text, uuid[], uuid[]) is
  'Adds new lines of these receipts to a store''s daily rollups.';

-- Every trigger twice, as in 0040: a writer whom policies bind sums with the owner's rights, which FORCE holds
-- to the writer's store; an operator sums with its own. What a foreign key does to rows is nobody's own: it acts
-- as their owner without policies, where no trigger here fires, and whoever removes what they refer to
-- sees to the sums.
do $do$
declare
  of_writer text;
  rights text;
  is_bound text;
begin
  foreach of_writer in array array['', '_in_store'] loop
    rights := case of_writer when '' then 'security invoker' else 'security definer' end;
    is_bound := case of_writer
      when '' then $$not row_security_active('retail.daily_sales'::regclass) and current_user <> 'retail_owner'$$
      else $$row_security_active('retail.daily_sales'::regclass)$$
    end;

    execute format($sql$
      create or replace function retail.tg_sales__lock%1$s() returns trigger
      language plpgsql %2$s set search_path = pg_catalog, pg_temp
      as $$
      begin
        perform retail.lock_sales(array(select distinct n.store_id from new_rows n));
        return null;
      end
      $$;
      comment on function retail.tg_sales__lock%1$s() is 'Takes the lock of a store''s sums before any other.';

      create or replace function retail.tg_items__add%1$s() returns trigger
      language plpgsql %2$s set search_path = pg_catalog, pg_temp
      as $$
      begin
        perform retail.lock_sales(array(select distinct n.store_id from new_rows n));
        perform retail.add_daily_sales(added.store_id, added.receipts, added.items)
        from (
          select n.store_id, array_agg(n.transaction_id) as receipts, array_agg(n.item_id) as items
          from new_rows n
          group by n.store_id
          order by n.store_id
        ) added;
        return null;
      end
      $$;
      comment on function retail.tg_items__add%1$s() is 'Adds new lines to the daily rollups.';

      create or replace function retail.tg_items__sum%1$s() returns trigger
      language plpgsql %2$s set search_path = pg_catalog, pg_temp
      as $$
      declare
        stores text[];
        receipts uuid[];
      begin
        select array_agg(o.store_id), array_agg(o.transaction_id) into stores, receipts from old_rows o;
        if tg_op = 'UPDATE' then
          select stores || array_agg(n.store_id), receipts || array_agg(n.transaction_id) into stores, receipts
          from new_rows n;
        end if;
        perform retail.sum_daily_sales(d.store_id, d.sold_on, d.sold_on)
        from (
          select distinct t.store_id, retail.local_date(t.transaction_date, s.time_zone) as sold_on
          from unnest(stores, receipts) c (store_id, transaction_id)
          join retail.sales_transactions t on t.store_id = c.store_id and t.transaction_id = c.transaction_id
          join retail.stores s on s.store_id = t.store_id
          order by 1, 2
        ) d;
        return null;
      end
      $$;
      comment on function retail.tg_items__sum%1$s() is 'Sums the days of changed or removed lines anew.';

      create or replace function retail.tg_transactions__sum%1$s() returns trigger
      language plpgsql %2$s set search_path = pg_catalog, pg_temp
      as $$
      declare
        stores text[];
        moments timestamptz[];
      begin
        if tg_op = 'DELETE' then
          select array_agg(o.store_id), array_agg(o.transaction_date) into stores, moments from old_rows o;
        else
          select array_agg(n.store_id) || array_agg(n.store_id), array_agg(o.transaction_date) || array_agg(n.transaction_date)
          into stores, moments
          from old_rows o
          join new_rows n on n.store_id = o.store_id and n.transaction_id = o.transaction_id
          where (n.transaction_date, n.transaction_type, n.payment_method, n.cashier_id, n.register_id, n.customer_id)
            is distinct from
            (o.transaction_date, o.transaction_type, o.payment_method, o.cashier_id, o.register_id, o.customer_id);
        end if;
        perform retail.sum_daily_sales(d.store_id, d.sold_on, d.sold_on)
        from (
          select distinct c.store_id, retail.local_date(c.transaction_date, s.time_zone) as sold_on
          from unnest(stores, moments) c (store_id, transaction_date)
          join retail.stores s on s.store_id = c.store_id
          order by 1, 2
        ) d;
        return null;
      end
      $$;
      comment on function retail.tg_transactions__sum%1$s() is 'Sums the days of changed or removed receipts anew.';

      create or replace function retail.tg_customers__let_go%1$s() returns trigger
      language plpgsql %2$s set search_path = pg_catalog, pg_temp
      as $$
      begin
        update retail.sales_transactions t set customer_id = null
        where t.store_id = old.store_id and t.customer_id = old.customer_id;
        return old;
      end
      $$;
      comment on function retail.tg_customers__let_go%1$s() is
        'Does what the foreign key would do, so that the receipts'' own triggers see it.';

      create or replace function retail.tg_customers__sum%1$s() returns trigger
      language plpgsql %2$s set search_path = pg_catalog, pg_temp
      as $$
      begin
        perform retail.sum_daily_sales(d.store_id, d.sold_on, d.sold_on, array['customer_tier'])
        from (
          select distinct t.store_id, retail.local_date(t.transaction_date, s.time_zone) as sold_on
          from old_rows o
          join new_rows n on n.store_id = o.store_id and n.customer_id = o.customer_id
          join retail.sales_transactions t on t.store_id = n.store_id and t.customer_id = n.customer_id
          join retail.stores s on s.store_id = t.store_id
          where n.loyalty_tier <> o.loyalty_tier
          order by 1, 2
        ) d;
        return null;
      end
      $$;
      comment on function retail.tg_customers__sum%1$s() is 'Sums tiers anew on the days when promoted customers bought.';

      create or replace function retail.tg_products__sum%1$s() returns trigger
      language plpgsql %2$s set search_path = pg_catalog, pg_temp
      as $$
      begin
        perform retail.sum_daily_sales(
          moved.store_id, null, null, array['category', 'subcategory', 'brand'], moved.members
        )
        from (
          select c.store_id, array_agg(distinct m.member) as members
          from (
            select o.store_id, b.category_id, b.brand
            from old_rows o
            join new_rows n on n.store_id = o.store_id and n.product_id = o.product_id
            cross join lateral (values (o.category_id, o.brand), (n.category_id, n.brand)) b (category_id, brand)
            where (n.category_id, n.brand) is distinct from (o.category_id, o.brand)
              and exists (
                select from retail.sales_transaction_items i
                where i.store_id = n.store_id and i.product_id = n.product_id
              )
          ) c
          left join retail.category_tree k on k.category_id = c.category_id
          cross join lateral (
            select coalesce(name, '(none)') as member
            from unnest(array[k.top_category_name, k.category_name, c.brand]) name
          ) m
          group by c.store_id
          order by c.store_id
        ) moved;
        return null;
      end
      $$;
      comment on function retail.tg_products__sum%1$s() is
        'Sums categories and brands anew that a product left or came to.';

      create or replace trigger _400_lock_sales%1$s after insert on retail.sales_transactions
      referencing new table as new_rows
      for each statement when (%3$s) execute function retail.tg_sales__lock%1$s();
      create or replace trigger _400_sum_changed%1$s after update on retail.sales_transactions
      referencing old table as old_rows new table as new_rows
      for each statement when (%3$s) execute function retail.tg_transactions__sum%1$s();
      create or replace trigger _400_sum_removed%1$s after delete on retail.sales_transactions
      referencing old table as old_rows
      for each statement when (%3$s) execute function retail.tg_transactions__sum%1$s();
      create or replace trigger _400_add%1$s after insert on retail.sales_transaction_items
      referencing new table as new_rows
      for each statement when (%3$s) execute function retail.tg_items__add%1$s();
      create or replace trigger _400_sum_changed%1$s after update on retail.sales_transaction_items
      referencing old table as old_rows new table as new_rows
      for each statement when (%3$s) execute function retail.tg_items__sum%1$s();
      create or replace trigger _400_sum_removed%1$s after delete on retail.sales_transaction_items
      referencing old table as old_rows
      for each statement when (%3$s) execute function retail.tg_items__sum%1$s();
      create or replace trigger _400_let_go%1$s before delete on retail.customers
      for each row when (%3$s) execute function retail.tg_customers__let_go%1$s();
      create or replace trigger _400_sum_tiers%1$s after update on retail.customers
      referencing old table as old_rows new table as new_rows
      for each statement when (%3$s) execute function retail.tg_customers__sum%1$s();
      create or replace trigger _400_sum_groups%1$s after update on retail.products
      referencing old table as old_rows new table as new_rows
      for each statement when (%3$s) execute function retail.tg_products__sum%1$s();
    $sql$, of_writer, rights, is_bound);
  end loop;
end
$do$;

-- What only operators do: no policy binds them.
create or replace function retail.tg_categories__sum() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform retail.sum_daily_sales(s.store_id, null, null, array['category', 'subcategory'])
  from (select store_id from retail.stores order by store_id) s
  where exists (
    select from old_rows o
    join new_rows n on n.category_id = o.category_id
    where (n.category_name, n.parent_category_id) is distinct from (o.category_name, o.parent_category_id)
  );
  return null;
end
$$;
comment on function retail.tg_categories__sum() is 'Sums categories anew once one was renamed or moved.';

create or replace function retail.tg_stores__sum() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform retail.sum_daily_sales(new.store_id);
  return null;
end
$$;
comment on function retail.tg_stores__sum() is 'Sums all days anew once a store counts them in another time zone.';

create or replace function retail.tg_items__forget() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  delete from retail.daily_sales;
  return null;
end
$$;
comment on function retail.tg_items__forget() is 'Without lines there are no sums.';

create or replace trigger _400_sum_groups after update on retail.product_categories
referencing old table as old_rows new table as new_rows
for each statement execute function retail.tg_categories__sum();
create or replace trigger _400_sum_days after update of time_zone on retail.stores
for each row when (new.time_zone <> old.time_zone) execute function retail.tg_stores__sum();
create or replace trigger _400_forget after truncate on retail.sales_transaction_items
for each statement execute function retail.tg_items__forget();

reset role;
