"""What the gate before callers' SQL reads in a text, what it lets through, and what the audit log keeps of it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.errors import InvalidInputError
from server.tools.adhoc.gate import checked
from server.tools.adhoc.lexer import Kind, NotSqlError, tokens
from server.tools.adhoc.limits import MAX_SORTS, MAX_TABLES, MAX_WINDOWS
from server.tools.adhoc.redaction import outline

GOOD = {
    "aggregates": "select count(*), sum(net_revenue), avg(margin) from sale_items",
    "a semicolon at the end": "select 1;",
    "comments": "select 1 -- one; drop table x\n /* two /* nested */ ; */ + 2",
    "window": "select sku, rank() over (partition by brand order by price desc nulls last) from products",
    "frame": "select sum(net_revenue) over (order by local_date rows between 6 preceding and current row) from sales",
    "with": "with m(month, total) as (select date_trunc('month', local_time), sum(net_revenue) from sales group by 1), "
    "n as materialized (select * from m) select month, total from n",
    "recursive": "with recursive r(n) as (select 1 union all select n + 1 from r where n < 10) select n from r",
    "percentiles": "select percentile_cont(array[0.25, 0.5]) within group (order by price) from products",
    "regression": "select corr(units, unit_price), regr_slope(units, unit_price) from sale_items",
    "grouping sets": "select brand, category_name, grouping(brand) from products "
    "group by grouping sets ((brand, category_name), (brand), ())",
    "rollup": "select brand, count(*) from products group by rollup (brand)",
    "calendar": "select d::date from generate_series(date '2026-01-01', date '2026-01-31', interval '1 day') as d",
    "calendar with fields": "select g.d, g.n from generate_series(1, 3) with ordinality as g(d, n)",
    "lateral": "select c.pseudonym, l.last from customers c cross join lateral "
    "(select max(local_date) as last from sales s where s.customer_id = c.customer_id) l",
    "filter": "select count(*) filter (where transaction_type = 'return') from sales",
    "json": "select json_build_object('brand', brand, 'n', count(*)) from products group by brand",
    "json list": "select json_agg(json_build_object('sku', sku)) from products",
    "string list": "select string_agg(distinct brand, ', ' order by brand) from products",
    "unnest": "select t, count(*) from products, unnest(tags) t group by 1",
    "dates": "select extract(year from local_date), to_char(local_time, 'YYYY-MM'), age(local_date), "
    "transaction_date at time zone 'UTC', date_part('dow', local_date) from sales",
    "casts": "select cast(price as numeric(10, 2)), price::double precision, '1'::int, 'a'::character varying(5) "
    "from products",
    "case": "select case when (price > 10) then 'high' else ('low') end from products",
    "texts": "select substring('abc' from 1 for 2), trim(both ' ' from sku), position('a' in sku), sku ilike 'a%' "
    "from products",
    "an alias like a table": "with daily as (select local_date as day, sum(units) as sales from sale_items group by 1) "
    "select day, sales from daily order by sales",
    "distinct pairs": "select count(distinct (customer_id, local_date)) from sales",
    "rows compared": "select sku from products where (brand, model) in (select brand, model from products)",
    "rows of literals": "select v.a from (values (1, 'x'), (2, 'y')) v(a, b)",
    "joined in parentheses": "select 1 from (sales s join customers c using (store_id, customer_id))",
    "is distinct from": "select 1 from sales where payment_method is distinct from 'cash'",
    "schema": 'select p."sku" from analytics.products p',
    "set operations": "(select sku from products) union all (select 'x') union select 'y' order by 1 limit 3 offset 1",
    "all fields": "select p.*, s.units from products p join sale_items s using (product_id)",
    "dollar quotes": "select $$it's$$, $tag$ $$ $tag$",
    "an operator of the catalogue": "select 1 operator(pg_catalog.+) 2",
    "a field named like its table": "with m as (select 1 as m, 2 as v) select m / v from m",
    "a total named like its table": "with revenue as (select brand, sum(price) as revenue from products group by 1) "
    "select brand, revenue, round(revenue / sum(revenue) over (), 2) from revenue order by revenue desc",
    "a field named like a view": "with sales as (select local_date, sum(units) sales from sale_items group by 1) "
    "select sales.local_date, sales, sales.sales from sales",
    "a field named like a listed one": "with n(n) as (select 1) select n from n union all "
    "select n from (values (2)) n(n)",
    "a field named like an alias of its view": "select model from products model",
    "a step named like its table": "with recursive n as (select 1 as n union all select n + 1 from n where n < 5) "
    "select n from n",
    "fields behind dots": "with months as (select date_trunc('month', local_time) as month, count(*), sum(net_revenue) "
    "from sales group by 1) select m.month, m.count, m.sum, m.sum / m.count as mean from months m",
    "fields of a function behind dots": "select d.d, t.tag from generate_series(1, 2) d, unnest(array['a']) as t(tag)",
    "one alias for several tables": "with days as (select d::date as day from generate_series(date '2026-01-01', "
    "date '2026-01-02', interval '1 day') d) select d.day from days d",
    "all fields of a table behind dots": "select q.sku, q.x from (select *, 1 as x from products) q",
    "fields of joined tables behind dots": "select j.units, j.brand "
    "from (sale_items i join products p using (product_id)) j",
    "fields of shared names": "select u.product_id from sale_items join products using (product_id) as u",
    "an outer table": "select (select max(s.local_date) from sales s where s.customer_id = c.customer_id) "
    "from customers c",
    "a view with its schema": "select analytics.products.sku from analytics.products",
    "a call left of another": "select i.t from products p, unnest(p.tags) a, lateral (select a.a as t, p.sku) i",
    "left and right": "select left(sku, 1) from products p left join sale_items i on right(p.sku, 1) = left('x', 1)",
    "a row that is missing": "select sku from products p left join sale_items i using (product_id) where i is null",
    "queries in parentheses": "select x from (((select 1 as x) union (select 2)) order by 1) q",
    "types of several words": "select '1'::double precision, now()::timestamp(0) with time zone, cast('{1}' as int[]), "
    "'x'::character varying(3), interval '1' day, timestamp with time zone '2026-01-01'",
    "windows with a name": "select sum(price) over w as s from products "
    "window w as (partition by brand order by price)",
    "a window named like its table": "select sum(units) over sale_items as s from sale_items "
    "window sale_items as (order by local_date)",
    "a field named like a keyword": "select range * 2, range / rows, zone * range from (select max(price) - min(price) "
    "as range, count(*) as rows, 1 as zone from products) x where range in (1, 2) or rows between 1 and range",
    "a long name": f"select 1 as {'a' * 63}, 2 as {'ä' * 31}",
    "a quoted label": 'select avg(price) as "mean price", max(price) "highest" from products',
    "fetch": "select sku from products order by price fetch first 3 rows with ties",
}
# A name in one of these is read as a function or a type, whatever it is.
NAME_AS_FUNCTION = {
    "a constant": "select ('x'::text).{name}",
    "a field in parentheses": "select (p.sku).{name} from products p",
    "a query": "select (select 'x'::text).{name}",
    "an element": "select (p.tags)[1].{name} from products p",
    "a function in from": "select t.{name} from unnest(array['x']) t",
    "a function in from with listed fields": "select t.{name} from unnest(array['x']) t(a)",
    "a function in from without an alias": "select unnest.{name} from unnest(array['x'])",
    "a view": "select p.{name} from products p",
    "a view with its schema": "select analytics.products.{name} from analytics.products",
    "a table of WITH": "with q as (select 1 as a) select q.{name} from q",
    "a subquery": "select q.{name} from (select 1 as a) q",
    "joined tables": "select j.{name} from (products p join sales s on true) j",
    "an alias of the query": "select ('x'::text).{name} as {name}",
    "an alias beside it": "select t.{name}, 1 as {name} from unnest(array['x']) t",
    "an alias of another table": "select t.{name} from unnest(array['x']) t, (select 1 as {name}) q",
    "an alias of another table of this name, further in": "select t.{name} from unnest(array['x']) t "
    "where exists (select 1 from (select 1 as {name}) t)",
    "an alias of another table of this name, further out": "select (select t.{name} from unnest(array['x']) t) "
    "from (select 1 as {name}) t",
    "a table that is not seen from a subquery beside it": "select (select 1 from (select 1 as {name}) t, "
    "(select t.{name}) q) from unnest(array['x']) t",
    "a table that stands right of it": "select (select 1 from lateral (select t.{name}) q, (select 1 as {name}) t) "
    "from unnest(array['x']) t",
    "a table that a condition does not join": "select (select 1 from (select 1 as {name}) t, sales s join sales r "
    "on t.{name} = 1) from unnest(array['x']) t",
    "a table behind the alias of a join": "select (select t.{name} "
    "from ((select 1 as {name}) t join sales s on true) j) from unnest(array['x']) t",
    "the order of a query in parentheses": "select ((select 1 from unnest(array['x']) t) order by t.{name}) "
    "from (select 1 as {name}) t",
    "a table of WITH beside FROM": "select (with q as (select t.{name}) select 1 from (select 1 as {name}) t, q) "
    "from unnest(array['x']) t",
    "a table whose name is cut": f"select (select {'a' * 63}b.{{name}} from unnest(array['x']) {'a' * 63}) "
    f"from (select 1 as {{name}}) {'a' * 63}b",
    "a table whose quoted name is cut": f"select (select \"{'ä' * 32}\".{{name}} from unnest(array['x']) "
    f'"{"ä" * 31}") from (select 1 as {{name}}) "{"ä" * 32}"',
    "a cast": "select sku::{name} from products",
    "a cast behind another": "select 1::int::{name}::text",
    "a cast by its name": "select cast(sku as {name}) from products",
    "a literal": "select {name} 'x'",
    "a literal with a schema": "select analytics.{name} 'x'",
    "a call": "select {name}('x')",
    "a call with a schema": "select analytics.{name}('x')",
    "a call in from": "select 1 from {name}('x') q",
    "a call in from with a schema": "select 1 from analytics.{name}('x') q",
    "an array": "select array['x']::{name}[]",
    "an element of an array": "select array['x'::{name}]",
    "a field of a function": "select 1 from unnest(array['x']) as t(a {name})",
    "a field of a function without a name": "select 1 from unnest(array['x']) as (a {name})",
    "a type with a schema": "select 'x'::text.{name}",
    "a type behind a schema": "select 'x'::{name}.text",
}
GATHERED = {
    "fields of their own tables": "select 1 from sales where customer_id in (select customer_id from customers)",
    "one of several conditions": "select 1 from sales s where units > 1 and s.customer_id in (select customer_id "
    "from customers) and total_amount > 2 group by total_amount",
    "in two pairs of parentheses": "select 1 from sales where customer_id in ((select customer_id from customers))",
    "a computed value": "select 1 from products p where p.brand || 'x' in (select brand from products) order by 1",
    "rows": "select sku from products where (brand, model) in (select brand, model from products)",
    "EXISTS": "select 1 from sales s where exists (select 1 from customers c where c.customer_id = s.customer_id)",
    "NOT EXISTS": "select 1 from sales s where units > 1 and not exists (select 1 from customers c "
    "where c.customer_id = s.customer_id) limit 3",
    "in a subquery": "select (select count(*) from sales where customer_id in (select customer_id from customers))",
    "of a table of WITH": "with t as (select customer_id from sales) select 1 from customers c "
    "where c.customer_id in (select t.customer_id from t)",
    "no subquery": "select 1 from sales where not (units in (1, 2) or payment_method in ('cash')) "
    "or units = any(array[3])",
    "all": "select 1 from sales where units >= all (select units from sale_items)",
    "a range before": "select 1 from sales where units between 1 and 3 and customer_id in (select customer_id "
    "from customers)",
}
NOT_JOINED = {
    "NOT IN": "select 1 from sales where customer_id not in (select customer_id from customers)",
    "NOT in front": "select 1 from sales where not customer_id in (select customer_id from customers)",
    "beside OR": "select 1 from sales where units = 1 or customer_id in (select customer_id from customers)",
    "before OR": "select 1 from sales where customer_id in (select customer_id from customers) and units = 1 "
    "or units = 2",
    "compared": "select 1 from sales where true = customer_id in (select customer_id from customers)",
    "compared behind": "select 1 from sales where customer_id in (select customer_id from customers) = true",
    "asked with IS": "select 1 from sales where customer_id in (select customer_id from customers) is not false",
    "in parentheses": "select 1 from sales where (customer_id in (select customer_id from customers))",
    "in two pairs": "select 1 from sales where not customer_id in ((select customer_id from customers))",
    "in a select list": "select customer_id in (select customer_id from customers) from sales",
    "EXISTS in a select list": "select exists (select 1 from customers c where c.customer_id = s.customer_id) "
    "from sales s",
    "EXISTS beside OR": "select 1 from sales s where units = 1 or exists (select 1 from customers c "
    "where c.customer_id = s.customer_id)",
    "in CASE": "select 1 from sales where case when customer_id in (select customer_id from customers) then true end",
    "in HAVING": "select 1 from sales group by customer_id having customer_id in (select customer_id from customers)",
    "in ON": "select 1 from sales s left join customers c on s.customer_id in (select customer_id from customers)",
    "in FILTER": "select count(*) filter (where customer_id in (select customer_id from customers)) from sales",
    "in a call": "select 1 from sales where coalesce(customer_id in (select customer_id from customers), true)",
    "in ORDER BY": "select 1 from sales order by customer_id in (select customer_id from customers)",
    "a literal": "select 1 from sales where 'x' in (select brand from products)",
    "a field of the query around": "select (select 1 from products p where s.customer_id in (select customer_id "
    "from customers)) from sales s",
    "a field of the query around by its table": "select (select 1 from sales t where s.customer_id in "
    "(select customer_id from customers)) from sales s",
    "a call named like a field": "select 1 from (select 1 as lower) q where lower('x') in (select brand from products)",
    "a type named like a field": "select 1 from (select 1 as text) q where 'x'::text in (select brand from products)",
    "a unit named like a field": "select 1 from (select 1 as day) q where interval '1' day in "
    "(select brand from products)",
    "ANY": "select 1 from sales where customer_id = any (select customer_id from customers)",
    "SOME": "select 1 from sales where customer_id = some (select customer_id from customers)",
    "without FROM": "select 1 where 'x' in (select brand from products)",
}
BAD = {
    "not a query": "explain select 1",
    "nothing": " -- nothing",
    "a second statement": "select 1; select 2",
    "a way out of the parentheses": "select 1) q cross join (select 2",
    "an open parenthesis": "select (1",
    "a write in WITH": "with x as (delete from products returning 1) select 1 from x",
    "select into": "select 1 into x",
    "a lock": "select sku from products for update",
    "a catalogue": "select * from pg_catalog.pg_class",
    "a quoted catalogue": 'select * from "pg_class"',
    "the other catalogue": "select * from information_schema.tables",
    "an unknown function": "select set_config('a', 'b', true)",
    "an unknown function behind spaces": "select set_config /* x */ ('a', 'b', true)",
    "a quoted function": "select \"lower\"('A')",
    "a function with its schema": "select pg_catalog.lower('A')",
    "a function with the schema of the views": "select analytics.set_store_context('x')",
    "a function among the names of WITH": "with a as (select 1) select 1 from a, set_config('a', 'b', true)",
    "a function beside ordinality": "select 1 from unnest(array[1]) with ordinality, set_config('a', 'b', true)",
    "a function with fields": "select 1 from json_to_record('{}') as (a int)",
    "a function by a dot": "select q.to_json from (select 1 as a) q",
    "a quoted function by a dot": 'select q."row_to_json" from (select 1 as a) q',
    "a regular expression": "select 'a' ~ '(a+)+'",
    "a power": "select 2 ^ 10",
    "similar to": "select 'a' similar to 'b'",
    "an operator of the catalogue that grows": "select 'a' operator(pg_catalog.||) 'b'",
    "a type that is not offered": "select 'x'::regclass",
    "a literal of such a type": "select regclass 'x'",
    "a cast to such a type": "select cast('x' as xml)",
    "a parameter": "select $1",
    "another quote": r"select U&'\0070'",
    "bits": "select B'101'",
    "an open quote": "select 'x",
    "an open comment": "select 1 /* /* */",
    "a letter that looks like another": "SEL\u0415CT 1",
    "a row": "select row(1, 2)",
    "a row without a name": "select (1, 2)",
    "a row in a call": "select max((sku, brand)) from products",
    "a table as a value": "select q from (select 1 as a) q",
    "a table as a value further in": "select 1 from customers c, lateral (select c as x) l",
    "a table as an argument": "select to_json(q) from (select 1 as a) q",
    "all fields as an argument": "select to_json(q.*) from (select 1 as a) q",
    "all fields in an expression": "select coalesce(q.*, null) from (select 1 as a) q",
    "an array of values": "select array[sku, sku] from products",
    "an array of a query": "select array(select sku from products)",
    "json inside": "select j, j from (select json_build_array(1) as j) q",
    "json in from": "select 1 from json_build_array(1) a, json_build_array(a, a) b",
    "rows that are distinct": "select distinct (sku, brand) from products",
    "all rows": "select all (sku, brand) from products",
    "a table named by a keyword as a value": "with day as (select 1 as a) select day, day as b from day",
    "a table as a value in from": "select 1 from products p, lateral coalesce(p) q",
    "a table that only seems to have the field": "select day as a, day as b from (select interval '1' day) day",
    "a test that calls a function": "select 'x' is nfc normalized",
    "a function without parentheses": "select system_user",
    "a table that is not there": "select 1 from retail.products",
    "a table of another schema": "select 1 from public.products",
    "a value of FROM without parentheses": "select x.length from current_user x",
    "a name of WITH RECURSIVE like another": "with recursive a as (select 1 from sales), sales as (select 1) select 1",
    "a keyword as a function": "select like(sku, 'a%') from products",
    "a keyword of GROUP BY as a function": "select cube(1)",
    "a keyword of GROUP BY as a function in it": "select 1 from products group by 1 + cube(price)",
    "a keyword as a type": "select filter 'x'",
    "an argument that is a list": "select greatest(variadic array[1, 2])",
    "a long number": f"select {'9' * 101}",
    "too many parentheses": f"select {'(' * 60}1{')' * 60}",
}


@pytest.mark.parametrize("sql", GOOD.values(), ids=GOOD)
def test_a_query_passes_as_it_is(sql: str) -> None:
    assert checked(sql) == sql.removesuffix(";")


@pytest.mark.parametrize("sql", BAD.values(), ids=BAD)
def test_anything_else_is_refused_with_its_place(sql: str) -> None:
    with pytest.raises(InvalidInputError, match=r"^The query was not run: at character \d+, "):
        checked(sql)


@pytest.mark.parametrize("name", ["current_setting", "pg_sleep", "regclass", "oid", "row_to_json"])
@pytest.mark.parametrize("sql", NAME_AS_FUNCTION.values(), ids=NAME_AS_FUNCTION)
def test_no_name_becomes_a_function_or_a_type(sql: str, name: str) -> None:
    for written in (name, f'"{name}"', name.upper()):
        with pytest.raises(InvalidInputError):
            checked(sql.format(name=written))


def test_a_refusal_repeats_nothing_of_the_text() -> None:
    with pytest.raises(InvalidInputError) as refused:
        checked("select secretword(1)")
    assert "secretword" not in str(refused.value)


@given(st.text(max_size=200))
def test_whatever_is_sent_is_cut_or_refused(text: str) -> None:
    """No text makes it fail, and what is cut is the text but for spaces, comments, quotes and case."""
    try:
        found = tokens(text)
    except NotSqlError as error:
        assert 1 <= error.at <= len(text)
        return
    for token in found:
        assert text[token.at - 1 :].lower().startswith('"' if token.kind is Kind.NAME else token.text[:1].lower())


@given(st.text(alphabet="select(),;'\"$/*-+=ab1 \n[].:", max_size=80))
def test_the_gate_refuses_or_passes_and_never_fails(text: str) -> None:
    try:
        passed = checked(text)
    except InvalidInputError:
        return
    assert text.startswith(passed)
    assert re.match(r"[\s(]*(--.*|/\*.*\*/|\s)*[\s(]*(select|with|values)", passed, re.DOTALL | re.IGNORECASE)


def test_signs_belong_to_numbers_unless_an_operator_has_them() -> None:
    assert [token.text for token in tokens("a>=-1 @-b c+--d")] == ["a", ">=", "-", "1", "@-", "b", "c", "+"]


def test_the_outline_has_no_word_of_the_caller() -> None:
    told = outline(
        "select \"Ann Smith\".brand, 'Ann''s' as ann, 42, $$Smith$$ "
        'from products "Ann Smith" -- Ann\n where model = ann'
    )

    assert told == "(108 characters) select n1 . brand , ? as n2 , ? , ? from products n1 where model = n2"


def test_of_what_is_no_sql_the_length_is_kept() -> None:
    assert outline("select 'Ann") == "(11 characters)"
    assert outline("select 1 " * 2_000) == "(18000 characters)"


def test_an_outline_is_bounded() -> None:
    assert len(outline("select " + "1," * 3_900 + "1")) < 3_100


@pytest.mark.parametrize("name", GATHERED)
def test_a_subquery_that_is_joined_passes(name: str) -> None:
    assert checked(GATHERED[name])


@pytest.mark.parametrize("name", NOT_JOINED)
def test_a_subquery_that_would_be_kept_in_memory_is_refused(name: str) -> None:
    with pytest.raises(InvalidInputError, match="Write NOT IN as NOT EXISTS"):
        checked(NOT_JOINED[name])


@pytest.mark.parametrize(
    ("one", "most", "named"),
    [
        ("count(distinct brand)", MAX_SORTS, "sorts"),
        ("max(brand order by sku)", MAX_SORTS, "sorts"),
        ("mode() within group (order by brand)", MAX_SORTS, "sorts"),
        ("(select sku from stores order by 1)", MAX_SORTS, "sorts"),
        ("count(*) over ()", MAX_WINDOWS, "windows"),
        ("(select max(sku) from stores)", MAX_TABLES - 1, "tables"),
    ],
)
def test_what_keeps_rows_in_memory_is_counted_wherever_it_stands(one: str, most: int, named: str) -> None:
    fields = ", ".join([one] * most)
    assert checked(f"select {fields} from products")
    assert checked(f"select {fields} from products where brand is distinct from 'x'")
    with pytest.raises(InvalidInputError, match=f"has more than .* {named} "):
        checked(f"select {fields}, {one} from products")


@pytest.mark.parametrize(
    "join", [", products p{n}", " join products p{n} using (sku)", " natural join (select 1 as x) p{n}"]
)
def test_every_table_of_from_is_counted(join: str) -> None:
    query = "select 1 from products" + "".join(join.format(n=n) for n in range(MAX_TABLES - 1))
    assert checked(query)
    with pytest.raises(InvalidInputError, match=f"has more than {MAX_TABLES} tables"):
        checked(query + join.format(n="x"))


@pytest.mark.parametrize("grouping", ["cube (1, 2)", "rollup (1, 2)", "grouping sets ((1), (2))"])
@pytest.mark.parametrize(
    "sorting",
    ["count(distinct sku)", "string_agg(distinct sku, ',' order by sku)", "mode() within group (order by sku)"],
)
def test_an_aggregate_sorts_for_few_levels_at_once(sorting: str, grouping: str) -> None:
    query = "select brand, color, {} from products group by {} order by 1"
    assert checked(query.format(", ".join(2 * [sorting]), grouping))
    assert checked(query.format(", ".join(9 * ["count(sku)"]), grouping))
    assert checked(query.format(", ".join(3 * [sorting]), "1, 2"))
    with pytest.raises(InvalidInputError, match="sorts for up to 3 levels"):
        checked(query.format(", ".join(3 * [sorting]), grouping))


@pytest.mark.parametrize(
    ("query", "instead"),
    [
        ("select sku from products except select 'x'", "NOT EXISTS"),
        ("select sku from products intersect all select 'x'", "WHERE EXISTS"),
        ("with recursive r as (select 1 as n union select n + 1 from r where n < 9) select n from r", "UNION ALL"),
        ("with recursive r(n) as ((select 1 union distinct select n + 1 from r)) select n from r", "UNION ALL"),
        ("with recursive r as (select * from (select 1 union select 2) q) select 1 from r", "UNION ALL"),
        ("select to_char(now(), brand) from products", "no plain literal"),
        (f"select to_char(now(), '{'J' * 101}') from products", "at most 100 characters"),
        ("select to_char(1, 'x' || 'y')", "no plain literal"),
        ("select ('[' || sku || ']')::jsonb from products", "not available"),
        ("select cast('[1e99]' as json)", "not available"),
        ("select jsonb '[1e99]'", "not available"),
        ("select 1e309", "above 1e308"),
        ("select 1.5E+0400", "above 1e308"),
        ("select 1e" + "0" * 50 + "1", "above 1e308"),
    ],
)
def test_what_would_keep_or_write_too_much_is_refused(query: str, instead: str) -> None:
    with pytest.raises(InvalidInputError, match=instead):
        checked(query)


@pytest.mark.parametrize(
    "query",
    [
        "select to_char(local_date, 'YYYY-MM') from sales",
        "select to_char(sum(total_amount), 'FM999,990.00') from sales",
        "with recursive r as (select 1 as n union all select n + 1 from r where n < 9) select n from r",
        "with r as (select 1 union select 2) select 1 from r union select 2",
        "select 1.5e-3, 1e308, 2E+5",
    ],
)
def test_what_is_like_it_and_bounded_passes(query: str) -> None:
    assert checked(query)
