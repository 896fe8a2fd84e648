-- What follows a changed row in its own transaction: words of products, stock, what a customer bought, updated_at.
--
-- Assumes: 0030.

set role retail_owner;

create or replace trigger _900_register_tenant
after insert or update or delete on retail.stores
for each row execute function guard.register_tenant();

-- "offset 0" keeps the look-up of a product by itself: once per product and by its whole key, under any plan. Of
-- "(select store)" see retail.sum_daily_sales in 0045.
create or replace function retail.learn_words(store text, products uuid[] default null) returns void
language sql volatile
begin atomic
  insert into retail.product_words (store_id, word, stem)
  select learn_words.store, w.word, l.stem[1]
  from (
    select distinct t.word
    from unnest(coalesce(
      learn_words.products,
      array(select k.product_id from retail.products k where k.store_id = (select learn_words.store))
    )) i (product_id)
    cross join lateral (
      select k.product_name, k.brand, k.tags, k.product_description
      from retail.products k
      where k.store_id = (select learn_words.store) and k.product_id = i.product_id
      offset 0
    ) p
    cross join lateral retail.words_in(
      concat_ws(' ', p.product_name, p.brand, array_to_string(p.tags, ' '), p.product_description)
    ) t (word)
  ) w
  cross join lateral ts_lexize('pg_catalog.english_stem', w.word) l (stem)
  where l.stem <> '{}'
    and not exists (
      select from retail.product_words k where k.store_id = (select learn_words.store) and k.word = w.word
    )
  -- In one order, so that of two writers only one waits for the other.
  order by w.word
  on conflict do nothing;
end;
comment on function retail.learn_words(text, uuid[]) is
  'Adds the words of these products of a store, or of all, to its vocabulary.';

create or replace function retail.tg_products__learn_words() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform retail.learn_words(p.store_id, array_agg(p.product_id)) from new_products p group by p.store_id;
  return null;
end
$$;
comment on function retail.tg_products__learn_words() is 'Adds the words of new products to their store''s vocabulary.';

create or replace function retail.tg_products__learn_changed_words() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform retail.learn_words(new.store_id, array[new.product_id]);
  return null;
end
$$;
comment on function retail.tg_products__learn_changed_words() is 'The same for a product whose texts change.';

create or replace trigger _300_learn_words after insert on retail.products
referencing new table as new_products
for each statement execute function retail.tg_products__learn_words();

-- Row by row, because stock changes with every sale and texts hardly ever.
create or replace trigger _300_learn_changed_words after update on retail.products
for each row when (old.search_document is distinct from new.search_document)
execute function retail.tg_products__learn_changed_words();

create or replace function retail.tg__touch_updated_at() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  new.updated_at := now();
  return new;
end
$$;
comment on function retail.tg__touch_updated_at() is 'Sets updated_at.';

create or replace trigger _100_touch_updated_at before update on retail.stores
for each row execute function retail.tg__touch_updated_at();
create or replace trigger _100_touch_updated_at before update on retail.customers
for each row execute function retail.tg__touch_updated_at();
create or replace trigger _100_touch_updated_at before update on retail.products
for each row execute function retail.tg__touch_updated_at();
create or replace trigger _100_touch_updated_at before update on retail.product_embeddings
for each row execute function retail.tg__touch_updated_at();

-- Stock and what a customer bought follow the rows they are sums of, in the same transaction. Nobody else
-- writes them: mcp_user has no grant on these columns (0090). Each sum therefore has two triggers.
-- A writer whom policies bind sums with the owner's rights, which FORCE holds to the writer's store; an
-- operator's import is bound by none, has no context, and sums with its own.
create or replace function retail.tg_items__move_stock() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into retail.stock_movements (store_id, product_id, moved_at, quantity, reason, item_id)
  select i.store_id, i.product_id, t.transaction_date, -i.direction * i.quantity,
    case i.direction when 1 then 'sale' else 'return' end, i.item_id
  from new_items i
  join retail.sales_transactions t on t.store_id = i.store_id and t.transaction_id = i.transaction_id;
  return null;
end
$$;
comment on function retail.tg_items__move_stock() is 'Enters each receipt line in the stock ledger.';

create or replace function retail.tg_stock_movements__sum() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  update retail.products p
  set current_stock = p.current_stock + moved.quantity
  from (select store_id, product_id, sum(quantity) as quantity from new_movements group by 1, 2) moved
  where p.store_id = moved.store_id and p.product_id = moved.product_id and moved.quantity <> 0;
  return null;
end
$$;
comment on function retail.tg_stock_movements__sum() is 'Keeps current_stock equal to the sum of the movements.';

create or replace function retail.tg_stock_movements__sum_in_store() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  update retail.products p
  set current_stock = p.current_stock + moved.quantity
  from (select store_id, product_id, sum(quantity) as quantity from new_movements group by 1, 2) moved
  where p.store_id = moved.store_id and p.product_id = moved.product_id and moved.quantity <> 0;
  return null;
end
$$;
comment on function retail.tg_stock_movements__sum_in_store() is
  'The same for a writer inside one store, with the owner''s rights.';

create or replace function retail.tg_sales_transactions__sum() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  update retail.customers c
  set total_lifetime_value = c.total_lifetime_value + bought.amount,
    purchase_count = c.purchase_count + bought.purchases,
    first_purchase_at = least(c.first_purchase_at, bought.first_at),
    last_purchase_at = greatest(c.last_purchase_at, bought.last_at)
  from (
    select store_id, customer_id, sum(total_amount) as amount,
      count(*) filter (where transaction_type = 'sale') as purchases,
      min(transaction_date) filter (where transaction_type = 'sale') as first_at,
      max(transaction_date) filter (where transaction_type = 'sale') as last_at
    from new_transactions where customer_id is not null group by 1, 2
  ) bought
  where c.store_id = bought.store_id and c.customer_id = bought.customer_id
    and (bought.amount <> 0 or bought.purchases > 0);
  return null;
end
$$;
comment on function retail.tg_sales_transactions__sum() is
  'Keeps what a customer bought in all, how often, first and last equal to the transactions.';

create or replace function retail.tg_sales_transactions__sum_in_store() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  update retail.customers c
  set total_lifetime_value = c.total_lifetime_value + bought.amount,
    purchase_count = c.purchase_count + bought.purchases,
    first_purchase_at = least(c.first_purchase_at, bought.first_at),
    last_purchase_at = greatest(c.last_purchase_at, bought.last_at)
  from (
    select store_id, customer_id, sum(total_amount) as amount,
      count(*) filter (where transaction_type = 'sale') as purchases,
      min(transaction_date) filter (where transaction_type = 'sale') as first_at,
      max(transaction_date) filter (where transaction_type = 'sale') as last_at
    from new_transactions where customer_id is not null group by 1, 2
  ) bought
  where c.store_id = bought.store_id and c.customer_id = bought.customer_id
    and (bought.amount <> 0 or bought.purchases > 0);
  return null;
end
$$;
comment on function retail.tg_sales_transactions__sum_in_store() is
  'The same for a writer inside one store, with the owner''s rights.';

-- An import of history enters the stock ledger itself, with the stock that the history began with, in one
-- statement: so the sums do not move. Whom policies bind cannot leave the ledger out.
create or replace trigger _500_move_stock after insert on retail.sales_transaction_items
referencing new table as new_items
for each statement when (
  row_security_active('retail.products'::regclass)
  or current_setting('retail.stock_is_entered', true) is distinct from 'yes'
)
execute function retail.tg_items__move_stock();
create or replace trigger _500_sum_stock after insert on retail.stock_movements
referencing new table as new_movements
for each statement when (not row_security_active('retail.products'::regclass))
execute function retail.tg_stock_movements__sum();
create or replace trigger _500_sum_stock_in_store after insert on retail.stock_movements
referencing new table as new_movements
for each statement when (row_security_active('retail.products'::regclass))
execute function retail.tg_stock_movements__sum_in_store();
create or replace trigger _500_sum_lifetime_value after insert on retail.sales_transactions
referencing new table as new_transactions
for each statement when (not row_security_active('retail.customers'::regclass))
execute function retail.tg_sales_transactions__sum();
create or replace trigger _500_sum_lifetime_value_in_store after insert on retail.sales_transactions
referencing new table as new_transactions
for each statement when (row_security_active('retail.customers'::regclass))
execute function retail.tg_sales_transactions__sum_in_store();

reset role;
