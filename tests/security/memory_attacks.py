"""SQL of a caller that is after memory: each way in which PostgreSQL gathers rows, over texts that the query builds."""

from __future__ import annotations

import itertools

# Rows that a query can make of nothing: more than it can gather in its time, and fewer.
_SOME = "generate_series(1, 10000) a(a) cross join generate_series(1, 20) b(b)"
_FEW = "generate_series(1, 10000) a(a) cross join (values (1)) b(b)"
TEXTS = {
    "short": "(a::text || b::text)",
    "medium": "(a::text || ' ' || b::text || lpad('', 100, 'x'))",
    "long": "(a::text || ' ' || b::text || lpad('', 2000, 'x'))",
    "equal and long": "(lpad('', 9000, 'x') || (a % 2)::text)",
}
NODES = {
    "sort": "select max(t) from (select {text} as t from {rows} order by 1 offset 1) q",
    "sort of two": "select count(*) from (select {text} as t, a from {rows} order by 2 desc, 1 offset 1) q",
    "top": "select {text} as t from {rows} order by 1 limit 400",
    "distinct": "select count(*) from (select distinct {text} as t from {rows}) q",
    "hash aggregate": "select count(*) from (select {text} as t, count(*) from {rows} group by 1) q",
    "count distinct": "select count(distinct {text}) from {rows}",
    "many counts distinct": "select {counts} from {rows}",
    "ordered aggregate": "select max(t) from (select percentile_disc(0.5) within group (order by {text}) as t "
    "from {rows}) q",
    "mode": "select mode() within group (order by {text}) from {rows}",
    "window": "select max(r) from (select row_number() over (order by {text}) as r from {rows}) q",
    "window of all": "select max(r) from (select count(*) over (partition by a % 2) as r, {text} as t from {rows}) q",
    "lag": "select max(length(l)) from (select lag({text}, 5000) over (order by a) as l from {rows}) q",
    "ntile": "select max(n) from (select ntile(7) over () as n, {text} as t from {rows}) q",
    "hash join": "select count(*) from (select {text} as t from {rows}) l join (select {text} as t from {rows}) r "
    "using (t)",
    "full join": "select count(*) from (select {text} as t from {rows}) l full join (select {text} as t from {rows}) r "
    "using (t)",
    "materialized": "with w as materialized (select {text} as t from {rows}) select count(*) from w l, w r "
    "where l.t < r.t",
    "recursive": "with recursive w(a, t) as (select 1, 'x' union select w.a + 1, {text} from w, "
    "generate_series(1, 100) b(b) where w.a < 5000) select count(*) from w",
    "union": "select count(*) from (select {text} as t from {rows} union select {text} from {rows}) q",
    "except": "select count(*) from (select {text} as t from {rows} except select {text} || 'y' from {rows}) q",
    "intersect all": "select count(*) from (select {text} as t from {rows} intersect all select {text} from {rows}) q",
    "in": "select count(*) from {rows} where {text} in (select {text} from {rows})",
    "exists": "select count(*) from (select {text} as t from {rows}) l where exists "
    "(select 1 from (select {text} as t from {rows}) r where r.t = l.t)",
    "not exists": "select count(*) from (select {text} as t from {rows}) l where not exists "
    "(select 1 from (select {text} || 'y' as t from {rows}) r where r.t = l.t)",
    "few are expected": "select count(*) from {rows} where {text} in (select {text} from {rows} where a % 1 = 0 and "
    "b % 1 = 0 and (a + b) % 1 = 0 and a * b % 1 = 0)",
    "few are expected, grouped": "select count(*) from (select {text} as t, count(*) from {rows} where a % 1 = 0 and "
    "b % 1 = 0 and (a + b) % 1 = 0 group by 1) q",
    "few are expected, distinct": "select count(*) from (select distinct {text} as t from {rows} where a % 1 = 0 and "
    "b % 1 = 0 and (a + b) % 1 = 0) q",
    "array_agg": "select array_length(array_agg({text}), 1) from {rows}",
    "array_agg of groups": "select count(*) from (select array_agg({text}) as t from {rows} group by a) q",
    "string_agg": "select length(string_agg({text}, ',')) from {rows}",
    "string_agg of groups": "select count(*) from (select string_agg({text}, ',') as t from {rows} group by a, b) q",
    "json_agg": "select json_agg({text}) from {rows}",
    "grouping sets": "select count(*) from (select {text} as t, a, b, count(*) from {rows} "
    "group by grouping sets ((1, 2), (2, 3), (1, 3), (1), (2), (3))) q",
    "cube": "select count(*) from (select {text} as t, a, b, count(*) from {rows} group by cube (1, 2, 3)) q",
    "many windows": "select {windows} from {rows} limit 1",
    "sorts in a chain": "select count(*) from {chain}",
}
# Longer texts over more rows, where a spilling node shows what it keeps; short ones would only run out of time.
ROWS = {"few": (_FEW, TEXTS), "some": (_SOME, ("long",))}


def memory_attacks(*, most_distinct: int, most_windows: int, most_sorts: int) -> dict[str, str]:
    """Each way of gathering with each text.

    Args:
        most_distinct: As many distinct aggregates as one query may have.
        most_windows: As many windows.
        most_sorts: As many sorts.

    Returns:
        Texts by what they are.
    """
    found = {}
    for rows_name, (rows, texts) in ROWS.items():
        for text_name, (node, sql) in itertools.product(texts, NODES.items()):
            text = TEXTS[text_name]
            chain = f"(select {text} as t from {rows} order by 1 offset 1) q0"
            for n in range(1, most_sorts):
                chain = f"(select t || '{n}' as t from {chain} order by t || '{n}' desc offset 1) q{n}"
            parts = {
                "{counts}": ", ".join(f"count(distinct {text} || '{n}')" for n in range(most_distinct)),
                "{windows}": ", ".join(f"rank() over (order by {text} || '{n}')" for n in range(most_windows)),
                "{chain}": chain,
                "{text}": text,
                "{rows}": rows,
            }
            for name, part in parts.items():
                sql = sql.replace(name, part)
            found[f"{node}, {text_name}, {rows_name}"] = sql
    return found
