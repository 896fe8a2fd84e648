"""No tool counts, ranks or shows with another store's rows: whatever that store does, every answer stays the same."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from tests.support import Retailer
from tests.tools.asking import Callers, walk, whole_text
from tests.tools.calls import RECORDS, calls_about, tool_names
from tests.tools.neighbours import PERIOD, Neighbours, open_neighbours

# What a busy neighbour does: hundreds of rows, alike to seattle's in every word, dated into the same days.
BUSY_DAYS_OF_REDMOND = """
insert into retail.customers (store_id, first_name, last_name, email, phone, loyalty_tier)
select 'redmond', 'Seattle-Own-Ada', 'Lovelace-seattle-own', 'crowd' || n || '@example.com', '+1 206-555-0123',
  (array['gold', 'platinum', 'silver'])[1 + n % 3]
from generate_series(1, 200) n;
insert into retail.products (store_id, sku, product_name, product_description, category_id, brand, price, cost,
  rating_average, tags)
select 'redmond', 'crowd-' || n, 'Claw hammer seattle-own', 'A hammer for nails, seattle-own.', category_id,
  'seattle-own forge', 1 + n, 1, 5, array['tag seattle-own']
from retail.products, generate_series(1, 200) n
where store_id = 'seattle';
insert into retail.product_embeddings
  (store_id, product_id, embedding_text, embedding, embedding_model, dimensions, content_hash)
select p.store_id, p.product_id, e.embedding_text, e.embedding, e.embedding_model, e.dimensions, e.content_hash
from retail.products p
cross join (select * from retail.product_embeddings where store_id = 'seattle' limit 1) e
where p.sku like 'crowd-%';
insert into retail.sales_transactions
  (store_id, transaction_date, payment_method, customer_id, receipt_number, subtotal, total_amount)
select t.store_id, t.transaction_date - n * interval '1 minute', t.payment_method, t.customer_id,
  'crowd-' || n, 1000, 1000
from (select * from retail.sales_transactions where store_id = 'redmond' and transaction_type = 'sale' limit 1) t,
  generate_series(1, 200) n;
insert into retail.sales_transaction_items (store_id, transaction_id, product_id, quantity, unit_price, total_price)
select t.store_id, t.transaction_id, p.product_id, 1, 1000, 1000
from retail.sales_transactions t
join retail.products p on p.store_id = t.store_id and p.sku = 'crowd-1'
where t.receipt_number like 'crowd-%';
analyze
"""
CLOSED_REDMOND = "update retail.stores set is_active = false where store_id = 'redmond'"
EMPTY_REDMOND = """
delete from retail.sales_transaction_items where store_id = 'redmond' and direction = -1;
delete from retail.sales_transactions where store_id = 'redmond' and transaction_type = 'return';
delete from retail.sales_transactions where store_id = 'redmond';
delete from retail.products where store_id = 'redmond';
delete from retail.customers where store_id = 'redmond';
analyze
"""
# Of the audit log what happened in the store; calls are left out, because asking is one.
PAGES = {tool: record.unchanged or record.pages or {} for tool, record in RECORDS.items() if record.pages is not None}


@pytest.fixture
async def near(retailer: Retailer) -> AsyncIterator[Neighbours]:
    """Two neighbours of the test's own."""
    async with AsyncExitStack() as stack:
        yield await open_neighbours(retailer, Callers(retailer, stack))


async def everything_told(near: Neighbours) -> dict[str, str]:
    """Every answer that seattle's manager and auditor get, counts, facets, order and cursors included."""
    client = await near.acting("seattle")
    told = {
        f"{tool} {asked}": await whole_text(client, tool, **asked)
        for side in (near.seattle, near.redmond)
        for tool, asked in calls_about(side)
    }
    for tool, asked in PAGES.items():
        acting = await near.acting("seattle", role=RECORDS[tool].role)
        limit = 20 if tool == "list_audit_events" else 1
        told[f"{tool}, all pages"] = str(await walk(acting, tool, limit=limit, **asked))
    return told


async def test_whatever_another_store_does_every_answer_stays_the_same(near: Neighbours) -> None:
    before = await everything_told(near)
    assert {question.split()[0].rstrip(",") for question in before} == {*await tool_names(near), "list_audit_events"}
    theirs = await whole_text(await near.acting("redmond"), "summarize_sales", **PERIOD)

    for change in (BUSY_DAYS_OF_REDMOND, EMPTY_REDMOND, CLOSED_REDMOND):
        await near.retailer.execute(change)
        if change == BUSY_DAYS_OF_REDMOND:
            # Guards the rest: the rows are where a leak would find them.
            assert await whole_text(await near.acting("redmond"), "summarize_sales", **PERIOD) != theirs
        after = await everything_told(near)

        assert {question for question, told in before.items() if after[question] != told} == set()
