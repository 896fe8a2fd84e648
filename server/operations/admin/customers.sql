-- name: find_customer
-- $1 store id, $2 customer id or null, $3 e-mail or null. One row, or none; locks the customer, so that
-- no receipt of theirs comes in meanwhile.
select
  c.customer_id,
  c.erased_at,
  (
    select count(*)
    from retail.sales_transactions t
    where t.store_id = c.store_id and t.customer_id = c.customer_id
  ) as receipts
from retail.customers c
where c.store_id = $1 and (c.customer_id = $2::uuid or c.email = lower($3::text))
for update of c;

-- name: export_customer
-- $1 store id, $2 customer id. Everything that the store holds about one customer, as one JSON text.
-- Amounts are texts, as in every answer of ours. Who of the staff made a change is not about the customer.
select
  jsonb_build_object(
    'store', jsonb_build_object(
      'store_id', s.store_id, 'store_name', s.store_name, 'currency', s.currency, 'time_zone', s.time_zone
    ),
    'customer', jsonb_build_object(
      'customer_id', c.customer_id, 'first_name', c.first_name, 'last_name', c.last_name, 'email', c.email,
      'phone', c.phone, 'date_of_birth', c.date_of_birth, 'gender', c.gender, 'customer_since', c.customer_since,
      'loyalty_tier', c.loyalty_tier, 'total_lifetime_value', c.total_lifetime_value::text,
      'purchase_count', c.purchase_count, 'first_purchase_at', c.first_purchase_at,
      'last_purchase_at', c.last_purchase_at,
      'created_at', c.created_at, 'updated_at', c.updated_at, 'erased_at', c.erased_at
    ),
    'receipts', coalesce((
      select jsonb_agg(
        jsonb_build_object(
          'transaction_id', t.transaction_id, 'receipt_number', t.receipt_number,
          'transaction_date', t.transaction_date, 'transaction_type', t.transaction_type,
          'payment_method', t.payment_method, 'subtotal', t.subtotal::text, 'tax_amount', t.tax_amount::text,
          'discount_amount', t.discount_amount::text, 'total_amount', t.total_amount::text,
          'cashier_id', t.cashier_id, 'register_id', t.register_id,
          'original_transaction_id', t.original_transaction_id, 'return_reason', t.return_reason,
          'notes', t.notes, 'metadata', t.metadata, 'created_at', t.created_at,
          'lines', coalesce((
            select jsonb_agg(
              jsonb_build_object(
                'item_id', i.item_id, 'product_id', i.product_id, 'sku', p.sku, 'product_name', p.product_name,
                'direction', i.direction, 'quantity', i.quantity, 'unit_price', i.unit_price::text,
                'discount_amount', i.discount_amount::text, 'total_price', i.total_price::text,
                'tax_amount', i.tax_amount::text, 'original_item_id', i.original_item_id
              )
              order by i.direction desc, p.sku, i.item_id
            )
            from retail.sales_transaction_items i
            join retail.products p on p.store_id = i.store_id and p.product_id = i.product_id
            where i.store_id = t.store_id and i.transaction_id = t.transaction_id
          ), '[]')
        )
        order by t.transaction_date, t.transaction_id
      )
      from retail.sales_transactions t
      where t.store_id = c.store_id and t.customer_id = c.customer_id
    ), '[]'),
    'changes', coalesce((
      select jsonb_agg(
        jsonb_build_object(
          'changed_at', h.changed_at, 'table_name', h.table_name, 'record_id', h.record_id, 'action', h.action,
          'old_values', h.old_values, 'new_values', h.new_values
        )
        order by h.changed_at, h.change_id
      )
      from audit.row_change h
      where h.store_id = c.store_id
        and h.table_name in ('customers', 'sales_transactions')
        and h.record_id = any (array(
          select c.customer_id
          union all
          select t.transaction_id
          from retail.sales_transactions t
          where t.store_id = c.store_id and t.customer_id = c.customer_id
        ))
    ), '[]')
  )::text as held
from retail.customers c
join retail.stores s on s.store_id = c.store_id
where c.store_id = $1 and c.customer_id = $2;

-- name: erase_receipts
-- $1 store id, $2 customer id. Before the customer, whose values it looks for. Notes go altogether, other
-- free text where it mentions the customer; also on returns of their sales that name nobody. Of a
-- customer erased before, what was written since.
update retail.sales_transactions t
set
  notes = null,
  return_reason = case when not retail.mentions(t.return_reason, c) then t.return_reason end,
  metadata = case
    when not retail.mentions(t.metadata::text, c) then t.metadata
    when jsonb_typeof(t.metadata) = 'object' then (
      select coalesce(jsonb_object_agg(entry.key, entry.value), '{}')
      from jsonb_each(t.metadata) entry
      where not retail.mentions(entry.key, c) and not retail.mentions(entry.value::text, c)
    )
    else '{}'
  end,
  pseudonym_salt = gen_random_uuid()
from retail.customers c
where t.store_id = $1
  and c.store_id = $1 and c.customer_id = $2
  and (
    t.customer_id = c.customer_id
    or t.customer_id is null and t.original_transaction_id in (
      select sold.transaction_id
      from retail.sales_transactions sold
      where sold.store_id = $1 and sold.customer_id = $2
    )
  )
  and (c.erased_at is null or t.notes is not null);

-- name: erase_customer
-- $1 store id, $2 customer id. The new salt makes the hashes in the audit log of the old values nobody's.
update retail.customers
set
  first_name = null,
  last_name = null,
  email = null,
  phone = null,
  date_of_birth = null,
  gender = null,
  pseudonym_salt = gen_random_uuid(),
  erased_at = now()
where store_id = $1 and customer_id = $2 and erased_at is null;

-- name: record_customer_operation
-- $1 what was done, $2 store id, $3 customer id.
select audit.record_operation($1, $2, jsonb_build_object('customer_id', $3::uuid));

-- name: forget_old_rows
-- Old versions of the rows and the planner's samples hold the values until they are cleaned up.
vacuum (analyze) retail.customers, retail.sales_transactions;

-- name: list_erased
-- Every customer ever erased, oldest first: by the audit log, which outlives a customer's row, and by the
-- row, which outlives old parts of the log.
select e.store_id, e.customer_id, min(e.erased_at) as erased_at
from (
  select c.store_id, c.customer_id, c.erased_at
  from retail.customers c
  where c.erased_at is not null
  union all
  select o.store_id, (o.metadata ->> 'customer_id')::uuid, o.happened_at
  from audit.operation o
  where o.action = 'customer_erased'
) e
group by e.store_id, e.customer_id
order by min(e.erased_at), e.store_id, e.customer_id;
