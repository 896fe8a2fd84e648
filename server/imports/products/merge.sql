-- name: create_staging
-- The products of the file, in the types of retail.products, and what is found out about them.
-- NOTE: the store stands in the staged rows and is joined, here and below, instead of being asked for by name. Of a store
-- that came after the last analyze the planner expects no row: then every index that begins with the store looks as good
-- as the right one, and any join as good as a hash join, and the time grows with the square of the rows.
create temporary table staged_products (
  store_id text not null,
  row_number integer not null,
  -- Columns of which the file says something; the others are completed from the stored product.
  given text[] not null,
  -- JSON array of the names from general to special.
  category_path text,
  stock_level integer,
  is_active boolean not null,
  sku text not null,
  product_name text not null,
  price numeric(10, 2) not null,
  product_description text,
  brand text,
  tags text[] not null,
  model text,
  color text,
  size text,
  weight_kg numeric(8, 3),
  dimensions_cm text,
  cost numeric(10, 2),
  minimum_stock integer not null,
  maximum_stock integer,
  reorder_point integer not null,
  lead_time_days integer not null,
  supplier_name text,
  supplier_sku text,
  rating_average numeric(3, 2) not null,
  rating_count integer not null,
  is_featured boolean not null,
  metadata jsonb not null,
  category_id integer,
  product_id uuid not null default retail.new_id(),
  is_new boolean not null default true,
  was_active boolean not null default false,
  is_changed boolean not null default false
) on commit drop;

-- name: index_staging
-- Tells the planner what was staged. With the indexes a plan made for few rows is no disaster for many.
create unique index on staged_products (sku);
create unique index on staged_products (product_id);
analyze staged_products;

-- name: staged_paths
-- The categories that the file names, each once, in the order of their first product.
select s.category_path
from staged_products s
where s.category_path is not null
group by s.category_path
order by min(s.row_number);

-- name: assign_categories
-- $1 paths as staged (text[]), $2 their category ids (int[]).
update staged_products s
set category_id = c.category_id
from unnest($1::text[], $2::int[]) c (path, category_id)
where s.category_path = c.path;

-- name: complete_staging
-- What the file leaves open about a product that the store has is as it is stored.
update staged_products s
set
  product_id = p.product_id,
  is_new = false,
  was_active = p.is_active,
  product_description =
    case when 'product_description' = any(s.given) then s.product_description else p.product_description end,
  category_id = case when 'category_id' = any(s.given) then s.category_id else p.category_id end,
  brand = case when 'brand' = any(s.given) then s.brand else p.brand end,
  tags = case when 'tags' = any(s.given) then s.tags else p.tags end,
  model = case when 'model' = any(s.given) then s.model else p.model end,
  color = case when 'color' = any(s.given) then s.color else p.color end,
  size = case when 'size' = any(s.given) then s.size else p.size end,
  weight_kg = case when 'weight_kg' = any(s.given) then s.weight_kg else p.weight_kg end,
  dimensions_cm = case when 'dimensions_cm' = any(s.given) then s.dimensions_cm else p.dimensions_cm end,
  cost = case when 'cost' = any(s.given) then s.cost else p.cost end,
  minimum_stock = case when 'minimum_stock' = any(s.given) then s.minimum_stock else p.minimum_stock end,
  maximum_stock = case when 'maximum_stock' = any(s.given) then s.maximum_stock else p.maximum_stock end,
  reorder_point = case when 'reorder_point' = any(s.given) then s.reorder_point else p.reorder_point end,
  lead_time_days = case when 'lead_time_days' = any(s.given) then s.lead_time_days else p.lead_time_days end,
  supplier_name = case when 'supplier_name' = any(s.given) then s.supplier_name else p.supplier_name end,
  supplier_sku = case when 'supplier_sku' = any(s.given) then s.supplier_sku else p.supplier_sku end,
  rating_average = case when 'rating_average' = any(s.given) then s.rating_average else p.rating_average end,
  rating_count = case when 'rating_count' = any(s.given) then s.rating_count else p.rating_count end,
  is_featured = case when 'is_featured' = any(s.given) then s.is_featured else p.is_featured end,
  metadata = case when 'metadata' = any(s.given) then s.metadata else p.metadata end
from retail.products p
where p.store_id = s.store_id and p.sku = s.sku;

-- name: update_products
-- A product that is as the file says stays untouched, updated_at and audit log included.
with changed as (
  update retail.products p
  set (
    product_name, price, product_description, category_id, brand, tags, model, color, size, weight_kg,
    dimensions_cm, cost, minimum_stock, maximum_stock, reorder_point, lead_time_days, supplier_name,
    supplier_sku, rating_average, rating_count, is_featured, metadata, is_active
  ) = row(
    s.product_name, s.price, s.product_description, s.category_id, s.brand, s.tags, s.model, s.color, s.size,
    s.weight_kg, s.dimensions_cm, s.cost, s.minimum_stock, s.maximum_stock, s.reorder_point, s.lead_time_days,
    s.supplier_name, s.supplier_sku, s.rating_average, s.rating_count, s.is_featured, s.metadata, s.is_active
  )
  from staged_products s
  where not s.is_new and p.store_id = s.store_id and p.product_id = s.product_id
    and (
      p.product_name, p.price, p.product_description, p.category_id, p.brand, p.tags, p.model, p.color, p.size,
      p.weight_kg, p.dimensions_cm, p.cost, p.minimum_stock, p.maximum_stock, p.reorder_point,
      p.lead_time_days, p.supplier_name, p.supplier_sku, p.rating_average, p.rating_count, p.is_featured,
      p.metadata, p.is_active
    ) is distinct from (
      s.product_name, s.price, s.product_description, s.category_id, s.brand, s.tags, s.model, s.color, s.size,
      s.weight_kg, s.dimensions_cm, s.cost, s.minimum_stock, s.maximum_stock, s.reorder_point,
      s.lead_time_days, s.supplier_name, s.supplier_sku, s.rating_average, s.rating_count, s.is_featured,
      s.metadata, s.is_active
    )
  returning p.product_id
)
update staged_products s set is_changed = true from changed c where c.product_id = s.product_id;

-- name: insert_products
-- In the order of the file.
insert into retail.products (
  store_id, product_id, sku, product_name, price, product_description, category_id, brand, tags, model, color,
  size, weight_kg, dimensions_cm, cost, minimum_stock, maximum_stock, reorder_point, lead_time_days, supplier_name,
  supplier_sku, rating_average, rating_count, is_featured, metadata, is_active
)
select
  s.store_id, s.product_id, s.sku, s.product_name, s.price, s.product_description, s.category_id, s.brand, s.tags,
  s.model, s.color, s.size, s.weight_kg, s.dimensions_cm, s.cost, s.minimum_stock, s.maximum_stock, s.reorder_point,
  s.lead_time_days, s.supplier_name, s.supplier_sku, s.rating_average, s.rating_count, s.is_featured,
  s.metadata, s.is_active
from staged_products s
where s.is_new
order by s.row_number;

-- name: move_stock
-- The ledger gets the differences; its trigger sets current_stock.
with moved as (
  insert into retail.stock_movements (store_id, product_id, quantity, reason)
  select
    s.store_id, s.product_id, s.stock_level - p.current_stock, case when s.is_new then 'opening' else 'adjustment' end
  from staged_products s
  join retail.products p on p.store_id = s.store_id and p.product_id = s.product_id
  where s.stock_level <> p.current_stock
  order by s.row_number
  returning product_id
)
update staged_products s set is_changed = true from moved m where m.product_id = s.product_id;

-- name: discontinue_missing
-- $1 store, $2 SKUs of rejected rows (text[]). Marks what the file does not name; returns how many.
with missing as (
  update retail.products p
  set is_active = false
  where p.store_id = (select $1)
    and p.is_active
    and not exists (select from staged_products s where s.sku = p.sku)
    and not exists (select from unnest($2::text[]) r (sku) where r.sku = p.sku)
  returning 1
)
select count(*) from missing;

-- name: outcome
-- What became of the products of the file; each is counted in one of the first four.
select
  count(*) filter (where s.is_new) as inserted,
  count(*) filter (where s.is_changed and not s.is_new and (s.is_active or not s.was_active)) as updated,
  count(*) filter (where s.is_changed and not s.is_new and not s.is_active and s.was_active) as discontinued,
  count(*) filter (where not s.is_changed and not s.is_new) as unchanged,
  count(*) filter (where s.is_active and not s.was_active and not s.is_new) as reactivated
from staged_products s;

-- name: record_import
-- $1 store, $2 what was done (jsonb as text).
select audit.record_operation('products_imported', $1, $2::jsonb);

-- name: analyze_products
-- After many new products, which the next statements join.
analyze retail.products;

-- name: analyze_others
-- After the import.
analyze retail.stock_movements, retail.product_categories;
