-- Row level security: one policy per table, the same for all.
--
-- Assumes: 0040, 0045. Before the grants (0090): a table must never be readable before it is guarded.
--
-- The sub-select makes guard.store() an InitPlan: verified once per statement, not once per row,
-- and an index on store_id stays usable. FORCE binds the owner too. A role named in no policy sees
-- nothing; superusers and BYPASSRLS roles see all, which is why the server refuses to run as one.

set role retail_owner;

do $$
declare
  tenant_table text;
begin
  foreach tenant_table in array array[
    'stores', 'customers', 'products', 'sales_transactions', 'sales_transaction_items',
    'daily_sales', 'stock_movements', 'product_embeddings', 'product_words'
  ] loop
    execute format('alter table retail.%I enable row level security', tenant_table);
    execute format('alter table retail.%I force row level security', tenant_table);
    execute format(
      case
        when exists (
          select from pg_catalog.pg_policies
          where schemaname = 'retail' and tablename = tenant_table and policyname = 'own_store'
        ) then 'alter policy own_store on retail.%I to mcp_user, retail_owner '
        else 'create policy own_store on retail.%I for all to mcp_user, retail_owner '
      end
      || 'using (store_id = (select guard.store())) with check (store_id = (select guard.store()))',
      tenant_table
    );
  end loop;
end
$$;

reset role;
