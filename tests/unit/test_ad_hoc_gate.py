"""What the gate before callers' SQL reads in a text, what it lets through, and what the audit log keeps of it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.errors import InvalidInputError
from server.tools.adhoc.gate import checked
from server.tools.adhoc.lexer import Kind, NotSqlError, tokens
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
    "set operations": "(select sku from products) union all (select 'x') except select 'y' order by 1 limit 3 offset 1",
    "all fields": "select p.*, s.units from products p join sale_items s using (product_id)",
    "dollar quotes": "select $$it's$$, $tag$ $$ $tag$",
    "an operator of the catalogue": "select 1 operator(pg_catalog.+) 2",
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
