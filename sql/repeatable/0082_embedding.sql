-- Embeddings kept in step with their products, by a login that sees product texts and nothing else.
--
-- Assumes: 0050. The job belongs to no principal, so no request token opens a store to it. Instead
-- guard.enter_to_embed leaves a signed context of one store, as retail.set_store_context does, for whoever may
-- call it: mcp_embed. That login is in no policy and holds no grant on any table; the functions below are all it
-- can do inside, and they run as retail_owner, which the policies hold to the store of the context.
-- NOTE: whoever has this login reads the names and descriptions of products of every store, and can spoil their
-- search by meaning. It reaches no customer, no receipt, no price, and changes no product.

set role retail_guard;

create or replace function guard.stores_to_embed() returns setof text
language sql stable security definer
set search_path = pg_catalog, pg_temp
begin atomic
  select t.store_id from guard.tenant t where t.is_active order by t.store_id;
end;
comment on function guard.stores_to_embed() is 'Open stores, whose products are to be found by meaning.';

create or replace function guard.enter_to_embed(store text) returns void
language plpgsql volatile strict security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  key guard.context_key;
  context text;
begin
  if not exists (select from guard.tenant t where t.store_id = store) then
    raise exception 'store context refused' using errcode = '42501';
  end if;
  select * into key from guard.context_key k where k.not_after > now() order by k.created_at desc limit 1;
  if key.kid is null then
    raise exception 'no signing key' using errcode = '55000';
  end if;
  -- Principal 0 is nobody, and the role is none that a principal can have.
  context := concat_ws('|', 'C', key.kid, date_part('epoch', transaction_timestamp())::text,
    pg_backend_pid()::text, '0', 'embedder', store, 'masked');
  perform set_config(
    'retail.context',
    guard.hmac(key.inner_pad, key.outer_pad, context) || context,
    true
  );
end
$$;
comment on function guard.enter_to_embed(text) is
  'Enter one store for the rest of this transaction, to embed its products; raises 42501 when there is none.';

set role retail_owner;

-- The one place that says what is embedded of a product: name, category, brand, 300 characters of the description,
-- which rank as well as all of it and cost a third, and the tags.
-- Neither of these two sets search_path, so that the planner puts their bodies in the place of the call; a body of
-- this form has its names resolved when it is made. The expression leaves single spaces alone: each replacement
-- costs more than all the rest.
create or replace function retail.embedding_text(
  product_name text, category_name text, brand text, product_description text, tags text[]
) returns text
language sql stable parallel safe
begin atomic
  select regexp_replace(
    concat_ws('. ',
      nullif(btrim(product_name, E' \t\n\v\f\r'), ''),
      nullif(btrim(category_name, E' \t\n\v\f\r'), ''),
      nullif(btrim(brand, E' \t\n\v\f\r'), ''),
      nullif(btrim(left(product_description, 300), E' \t\n\v\f\r'), ''),
      nullif(replace(array_to_string(tags, ' '), '-', ' '), '')),
    '[ \t\n\v\f\r]{2,}|[\t\n\v\f\r]', ' ', 'g'
  );
end;
comment on function retail.embedding_text(text, text, text, text, text[]) is
  'What an embedding model sees of a product: "name. category. brand. start of the description. tags".';

create or replace function retail.content_hash(embedded text) returns text
language sql stable parallel safe
begin atomic
  select encode(sha256(convert_to(embedded, 'UTF8')), 'hex');
end;
comment on function retail.content_hash(text) is 'SHA-256 of an embedded text in hexadecimal.';

create or replace function retail.products_to_embed(
  model text, dimensions integer, after_product uuid, most integer
) returns table (product_id uuid, embedding_text text, content_hash text)
language sql stable security definer rows 100
set search_path = pg_catalog, pg_temp
begin atomic
  select p.product_id, t.embedding_text, h.content_hash
  from retail.products p
  left join retail.product_categories c on c.category_id = p.category_id
  left join retail.product_embeddings e
    on e.store_id = p.store_id and e.product_id = p.product_id
      and e.embedding_model = $1 and e.dimensions = $2
  cross join lateral (
    select retail.embedding_text(p.product_name, c.category_name, p.brand, p.product_description, p.tags) as embedding_text
  ) t
  cross join lateral (select retail.content_hash(t.embedding_text) as content_hash) h
  where p.is_active
    and ($3 is null or p.product_id > $3)
    and e.content_hash is distinct from h.content_hash
  order by p.product_id
  limit $4;
end;
comment on function retail.products_to_embed(text, integer, uuid, integer) is
  'Active products of the current store whose vector of this model is missing or out of date, in the order of ids.';

-- What changed since its text was read is left for the next run: the vector would be another text's. The lock
-- keeps a product from vanishing before its vector is written.
create or replace function retail.save_embeddings(
  model text, dimensions integer, product_ids uuid[], hashes text[], vectors public.vector[]
) returns integer
language sql volatile security definer
set search_path = pg_catalog, pg_temp
begin atomic
  with same as (
    select p.store_id, p.product_id, t.embedding_text, g.content_hash, g.embedding
    from unnest($3, $4, $5) g (product_id, content_hash, embedding)
    join retail.products p on p.product_id = g.product_id and p.is_active
    left join retail.product_categories c on c.category_id = p.category_id
    cross join lateral (
      select retail.embedding_text(p.product_name, c.category_name, p.brand, p.product_description, p.tags) as embedding_text
    ) t
    where retail.content_hash(t.embedding_text) = g.content_hash
    for key share of p
  ),
  saved as (
    insert into retail.product_embeddings
      (store_id, product_id, embedding_text, embedding, embedding_model, dimensions, content_hash)
    select s.store_id, s.product_id, s.embedding_text, s.embedding, $1, $2, s.content_hash from same s
    on conflict (store_id, embedding_model, product_id) do update set
      embedding_text = excluded.embedding_text,
      embedding = excluded.embedding,
      dimensions = excluded.dimensions,
      content_hash = excluded.content_hash
    returning 1
  )
  select count(*)::integer from saved;
end;
comment on function retail.save_embeddings(text, integer, uuid[], text[], public.vector[]) is
  'Stores the vectors of those products of the current store whose text still has the hash; how many those are.';

create or replace function retail.drop_embeddings(model text) returns integer
language sql volatile security definer
set search_path = pg_catalog, pg_temp
begin atomic
  with dropped as (
    delete from retail.product_embeddings e
    where e.embedding_model = $1
      and not exists (
        select from retail.products p
        where p.store_id = e.store_id and p.product_id = e.product_id and p.is_active
      )
    returning 1
  )
  select count(*)::integer from dropped;
end;
comment on function retail.drop_embeddings(text) is
  'Removes vectors of this model of discontinued products of the current store; how many.';

create or replace function retail.drop_other_embeddings() returns integer
language sql volatile security definer
set search_path = pg_catalog, pg_temp
begin atomic
  with dropped as (
    delete from retail.product_embeddings e
    using retail.stores s
    where s.store_id = e.store_id
      and (e.embedding_model <> s.embedding_model or e.dimensions <> s.embedding_dimensions)
    returning 1
  )
  select count(*)::integer from dropped;
end;
comment on function retail.drop_other_embeddings() is
  'Removes vectors of models that the current store is not searched with; how many. None before there is such a model.';

-- Also for mcp_user, which tells it to the caller.
create or replace function retail.embedding_state(
  model text, dimensions integer, out products integer, out missing integer, out outdated integer
)
language sql stable security definer
set search_path = pg_catalog, pg_temp
begin atomic
  select
    count(*)::integer,
    count(*) filter (where e.content_hash is null)::integer,
    count(*) filter (where e.content_hash <> retail.content_hash(
      retail.embedding_text(p.product_name, c.category_name, p.brand, p.product_description, p.tags)))::integer
  from retail.products p
  left join retail.product_categories c on c.category_id = p.category_id
  left join retail.product_embeddings e
    on e.store_id = p.store_id and e.product_id = p.product_id
      and e.embedding_model = $1 and e.dimensions = $2
  where p.is_active;
end;
comment on function retail.embedding_state(text, integer) is
  'Active products of the current store, and how many have no vector of this model or one of an older text.';

create or replace function retail.embedding_in_use(out model text, out dimensions integer)
language sql stable security definer
set search_path = pg_catalog, pg_temp
begin atomic
  select s.embedding_model, s.embedding_dimensions from retail.stores s;
end;
comment on function retail.embedding_in_use() is 'Model that the current store is searched with; null before the first.';

-- Missing vectors alone count. One of an older text is no worse than the old model's, and a shop whose texts never
-- rest would otherwise never change over.
create or replace function retail.use_embeddings(new_model text, new_dimensions integer) returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  changed text;
begin
  if (select missing > 0 from retail.embedding_state(new_model, new_dimensions)) then
    return false;
  end if;
  update retail.stores s
  set embedding_model = new_model, embedding_dimensions = new_dimensions
  where (s.embedding_model, s.embedding_dimensions) is distinct from (new_model, new_dimensions)
  returning s.store_id into changed;
  if changed is not null then
    perform audit.record_operation('embedding_model_changed', changed,
      jsonb_build_object('model', new_model, 'dimensions', new_dimensions));
  end if;
  return changed is not null;
end
$$;
comment on function retail.use_embeddings(text, integer) is
  'Lets the current store be searched with this model if no active product lacks its vector; true if that is new.';

reset role;

grant execute on function guard.stores_to_embed(), guard.enter_to_embed(text) to mcp_embed;
grant execute on function
  retail.products_to_embed(text, integer, uuid, integer),
  retail.save_embeddings(text, integer, uuid[], text[], public.vector[]),
  retail.drop_embeddings(text),
  retail.drop_other_embeddings(),
  retail.embedding_state(text, integer),
  retail.embedding_in_use(),
  retail.use_embeddings(text, integer)
to mcp_embed;
grant execute on function retail.embedding_state(text, integer) to mcp_user;
