"""SQL of the caller gives what plain Python gives over the raw rows, typed and described."""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from fastmcp import Client

from server.app import build
from server.tools.adhoc.vocabulary import BOUNDED_FUNCTIONS, CATALOGUE_FUNCTIONS, SCHEMA_WORDS
from tests.support import Retailer, answer, chosen, refusal
from tests.tools.asking import Callers
from tests.tools.reference.rows import StoreData, load


@pytest.fixture(scope="module")
async def analyst(demo_as: Callers) -> Client[Any]:
    return await demo_as("online", role="analyst")


@pytest.fixture(scope="module")
async def data(demo: Retailer) -> StoreData:
    return await load(demo, "online")


async def rows(client: Client[Any], sql: str) -> list[list[Any]]:
    found = await answer(client, "run_query", sql=sql, limit=500)
    assert found["row_count"] == len(found["rows"])
    assert not found["has_more"]
    return list(found["rows"])


async def test_sums_of_lines_are_exact(analyst: Client[Any], data: StoreData) -> None:
    lines = [line for receipt in data.receipts for line in receipt.lines]
    revenue = sum((line.sign * line.row["total_price"] for line in lines), Decimal(0))
    cost = sum((line.sign * line.row["quantity"] * line.row["unit_cost"] for line in lines), Decimal(0))
    units = sum(line.sign * line.row["quantity"] for line in lines)

    assert await rows(
        analyst, "select sum(net_revenue), sum(cost), sum(margin), sum(units), count(*) from sale_items"
    ) == [[str(revenue), str(cost), str(revenue - cost), units, len(lines)]]


async def test_days_are_those_of_the_store_with_a_running_mean(analyst: Client[Any], data: StoreData) -> None:
    first = date(2026, 3, 1)
    by_day: defaultdict[date, Decimal] = defaultdict(Decimal)
    for receipt in data.receipts:
        by_day[receipt.day] += receipt.row["subtotal"]
    days = [first + timedelta(days=n) for n in range(60)]
    expected = [[day.isoformat(), str(by_day[day].quantize(Decimal("0.01"))), day.strftime("%a")] for day in days]

    found = await rows(
        analyst,
        "select d::date as day, coalesce(sum(s.net_revenue), 0.00) as revenue, to_char(d, 'Dy') as weekday,"
        " avg(sum(s.net_revenue)) over (order by d rows between 6 preceding and current row) as mean"
        " from generate_series(date '2026-03-01', date '2026-04-29', interval '1 day') d"
        " left join sales s on s.local_date = d::date group by d order by d",
    )

    assert [row[:3] for row in found] == expected
    week = [by_day[day] for day in days[:7] if by_day[day]]
    assert Decimal(found[6][3]) == pytest.approx(sum(week) / len(week))


async def test_statistics_agree(analyst: Client[Any], data: StoreData) -> None:
    totals = [float(receipt.row["total_amount"]) for receipt in data.receipts]
    taxes = [float(receipt.row["tax_amount"]) for receipt in data.receipts]

    ((median, correlation, slope, deviation, most),) = await rows(
        analyst,
        "select percentile_cont(0.5) within group (order by total_amount), corr(total_amount, tax_amount),"
        " regr_slope(total_amount, tax_amount), stddev_samp(total_amount),"
        " mode() within group (order by payment_method) from sales",
    )

    assert median == pytest.approx(statistics.median(totals))
    assert correlation == pytest.approx(statistics.correlation(totals, taxes))
    assert slope == pytest.approx(statistics.linear_regression(taxes, totals).slope)
    assert float(deviation) == pytest.approx(statistics.stdev(totals))
    assert most == Counter(receipt.row["payment_method"] for receipt in data.receipts).most_common(1)[0][0]


async def test_gaps_between_purchases_by_window_functions(analyst: Client[Any], data: StoreData) -> None:
    gaps = [
        (later - earlier).days
        for customer, bought in data.receipts_by_customer.items()
        if customer is not None
        for earlier, later in pairwise(sorted({receipt.day for receipt in bought if receipt.is_sale}))
    ]

    assert await rows(
        analyst,
        "with days as (select distinct customer_id, local_date from sales"
        " where transaction_type = 'sale' and customer_id is not null),"
        " gaps as (select local_date - lag(local_date) over (partition by customer_id order by local_date) as gap"
        " from days) select count(gap), min(gap), max(gap), sum(gap) from gaps",
    ) == [[len(gaps), min(gaps), max(gaps), sum(gaps)]]


async def test_grouping_sets_lists_and_json(analyst: Client[Any], data: StoreData) -> None:
    brands: defaultdict[str, set[str]] = defaultdict(set)
    for product in data.products:
        if product["is_active"] and product["brand"]:
            brands[str(data.top_category(product))].add(product["brand"])

    found = await rows(
        analyst,
        "select top_category_name, grouping(top_category_name) as whole, count(distinct brand),"
        " string_agg(distinct brand, '|' order by brand),"
        " json_build_object('n', count(*) filter (where brand is not null))"
        " from products where is_active and top_category_name is not null and top_category_name <> 'Books & Media'"
        " group by grouping sets ((1), ()) order by 2, 1",
    )

    brands.pop("Books & Media", None)
    assert {row[0]: (row[2], set(row[3].split("|"))) for row in found if row[1] == 0} == {
        category: (len(names), names) for category, names in brands.items()
    }
    (whole,) = [row for row in found if row[1] == 1]
    assert whole[4]["n"] == sum(row[4]["n"] for row in found if row[1] == 0)


async def test_values_come_without_surprises(analyst: Client[Any]) -> None:
    found = await answer(
        analyst,
        "run_query",
        sql="select 'NaN'::numeric as n, 'infinity'::timestamptz as t, interval '1 month 2 days' as i,"
        " array[1, 2] as a, array[0.5, 1.25]::float8[] as f, 1.50 as d, 9007199254740993 as big, null as nothing,"
        " jsonb_build_object('a', jsonb_build_array(1.5, null)) as j, true as b,"
        " timestamptz '2026-07-01 12:00Z' as z, 'Infinity'::float8 as x,"
        " time '10:00' as c, '0198c0de-0000-7000-8000-000000000001'::uuid as u, 1 as same, 2 as same",
    )

    assert found["rows"] == [
        [
            "NaN", "infinity", "P1M2D", [1, 2], [0.5, 1.25], "1.50", "9007199254740993", None,
            {"a": ["1.5", None]}, True, "2026-07-01T05:00:00-07:00", "Infinity", "10:00:00",
            "0198c0de-0000-7000-8000-000000000001", 1, 2,
        ]
    ]  # fmt: skip
    assert [column["type"] for column in found["columns"]] == [
        "numeric", "timestamptz", "interval", "int4[]", "float8[]", "numeric", "int8", "text", "jsonb", "bool",
        "timestamptz", "float8", "time", "uuid", "int4", "int4",
    ]  # fmt: skip


async def test_rows_are_cut_at_the_limit_and_it_says_so(analyst: Client[Any]) -> None:
    found = await answer(analyst, "run_query", sql="select sku from products order by sku", limit=3)

    assert (found["row_count"], found["has_more"], len(found["rows"])) == (3, True, 3)


async def test_an_answer_of_many_bytes_is_cut_with_a_mark(demo: Retailer) -> None:
    async with demo.client("seattle", role="analyst", max_result_bytes=20_000) as client:
        found = await answer(client, "run_query", sql="select product_description from products", limit=500)

    assert found["truncated"]["field"] == "rows"
    assert len(found["rows"]) + found["truncated"]["left_out"] == found["row_count"]


LONG_TEXT = "lpad(sku, 480, 'x') || lpad(sku, 480, 'x') || lpad(sku, 480, 'x') || lpad(sku, 480, 'x')"


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("select nothing from sales", "at character 8 (line 1): it names a field"),
        ("select 1\nfrom nowhere", "at character 15, a table is named that is not there"),
        ("select sku, from products", "at character 13 (line 1): it is not valid SQL"),
        ("select 1 / 0", "divides by zero"),
        ("select product_name::int from products", "a text is cast to a type that it does not look like"),
        ("select brand, count(*) from products", "add it to GROUP BY"),
        ("select store_id from sales, customers", "put the table's alias before it"),
        ("select (select sku from products)", "more than one row"),
        ("select 1 + 'x'::text", "for these types"),
        ("select email from retail.customers", "not open here"),
        ("select 'x' || string_agg(product_description, '') from products", "larger than 2,000 bytes"),
        ("select count(*) from generate_series(1, 20000)", "10,000 rows"),
        (f"select {', '.join(['1'] * 61)}", "at most 60"),
        (f"select {', '.join(27 * [LONG_TEXT])} from products", "longer than 50,000 characters"),
        ("with recursive r as (select 1 n union all select n + 1 from r) select count(*) from r", "time limit"),
    ],
)
async def test_a_mistake_is_told_with_its_place_and_a_way_out(analyst: Client[Any], sql: str, told: str) -> None:
    message = await refusal(analyst, "run_query", sql=sql)

    assert told in message
    assert "nowhere" not in message
    assert "retail." not in message


async def test_a_longer_text_is_not_read(analyst: Client[Any]) -> None:
    assert "8000 characters" in await refusal(analyst, "run_query", sql="select 1 --" + "x" * 8_000)


async def test_the_schema_is_that_of_the_database(analyst: Client[Any], demo: Retailer) -> None:
    described = await answer(analyst, "get_schema")
    existing = await demo.fetch(
        "select c.relname, a.attname from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0"
        " where c.relnamespace = 'analytics'::regnamespace and c.relkind = 'v'"
    )
    columns = {(table["name"], column["name"]) for table in described["tables"] for column in table["columns"]}

    assert columns == {(row["relname"], row["attname"]) for row in existing}
    assert {
        name for table in described["tables"] for name in (table["name"], *[c["name"] for c in table["columns"]])
    } | {"analytics"} == SCHEMA_WORDS
    assert all(table["comment"] and column["comment"] for table in described["tables"] for column in table["columns"])
    assert set(described["functions"].split()) >= CATALOGUE_FUNCTIONS | BOUNDED_FUNCTIONS


async def test_joins_and_examples_can_be_used_as_they_are(analyst: Client[Any]) -> None:
    described = await answer(analyst, "get_schema")
    joined = [
        (table["name"], column["name"], *column["joins"].split("."))
        for table in described["tables"]
        for column in table["columns"]
        if "joins" in column
    ]
    assert len(joined) == 4
    for table, column, other, key in joined:
        sql = f"select count(*) > 0 from {table} a join {other} b on b.{key} = a.{column}"
        assert await rows(analyst, sql) == [[True]]
    shown = [
        (table["name"], column["name"], example)
        for table in described["tables"]
        for column in table["columns"]
        for example in column.get("examples", [])
    ]
    assert len(shown) > 20
    for table, column, example in shown[::7]:
        quoted = example.replace("'", "''")
        assert await rows(analyst, f"select count(*) > 0 from {table} where {column} = '{quoted}'") == [[True]]


async def test_every_function_that_is_told_exists_and_may_be_called(demo: Retailer) -> None:
    callable_ones = await demo.fetch(
        "select distinct p.proname::text as name from pg_proc p"
        " where has_function_privilege('mcp_sql', p.oid, 'execute')"
        " and p.pronamespace in ('pg_catalog'::regnamespace, 'analytics'::regnamespace)"
    )

    assert {row["name"] for row in callable_ones} >= CATALOGUE_FUNCTIONS | BOUNDED_FUNCTIONS


async def test_nobody_but_manager_and_analyst_is_offered_sql(demo_as: Callers) -> None:
    for role in ("manager", "analyst", "support", "auditor"):
        offered = {tool.name for tool in await (await demo_as("seattle", role=role)).list_tools()}  # type: ignore[arg-type]
        assert ({"get_schema", "run_query"} <= offered) is (role in ("manager", "analyst"))


async def test_without_its_login_sql_is_not_offered(demo: Retailer) -> None:
    connections = replace(demo.connections, sql_database_url=None)
    async with (
        build(chosen(token=await demo.token("seattle")), connections, "stdio") as server,
        Client(server) as client,
    ):
        offered = {tool.name for tool in await client.list_tools()}

    assert "get_products" in offered
    assert not {"get_schema", "run_query"} & offered


async def test_the_audit_log_has_the_outline_and_the_customers(demo: Retailer) -> None:
    async with demo.client("seattle", role="analyst") as client:
        found = await answer(
            client, "run_query", sql="select customer_id, 'Ann' as x from customers order by 1 limit 2", limit=2
        )
    (entry,) = await demo.fetch(
        "select arguments, customers::text[] as customers, row_count from audit.tool_call"
        " where tool = 'run_query' and arguments ->> 'sql' like '%order by ? limit ?'"
    )

    assert "select customer_id , ? as n1 from customers order by ? limit ?" in entry["arguments"]
    assert "Ann" not in entry["arguments"]
    assert entry["customers"] == [row[0] for row in found["rows"]]
    assert entry["row_count"] == 2
