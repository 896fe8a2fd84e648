"""SQL of a caller that is after memory: each way in which PostgreSQL gathers rows, over texts that the query builds."""

from __future__ import annotations

import itertools
import re

from server.tools.adhoc.limits import MAX_SORTS, MAX_TABLES

# Rows that a query can make of nothing: more than it can gather in its time, and fewer.
_SOME = "generate_series(1, 10000) a(a) cross join generate_series(1, 8) b(b)"
_FEW = "generate_series(1, 10000) a(a) cross join (values (1)) b(b)"
# Nearly as long as a text can become.
_LONG = "lpad({}, 490, 'x') || lpad('', 490, 'y') || lpad('', 490, 'z') || lpad('', 490, 'w')"
TEXTS = {
    "short": "(a::text || b::text)",
    "medium": "(a::text || ' ' || b::text || lpad('', 100, 'x'))",
    "long": "(" + _LONG.format("a::text || ' ' || b::text") + ")",
    "equal and long": "(" + _LONG.format("(a % 2)::text") + ")",
}
NODES = {
    "sort": "select max(t) from (select {text} as t from {rows} order by 1 offset 1) q",
    "sort of two": "select count(*) from (select {text} as t, a from {rows} order by 2 desc, 1 offset 1) q",
    "top": "select {text} as t from {rows} order by 1 limit 400",
    "distinct": "select count(*) from (select distinct {text} as t from {rows}) q",
    "hash aggregate": "select count(*) from (select {text} as t, count(*) from {rows} group by 1) q",
    "count distinct": "select count(distinct {text}) from {rows}",
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
    "materialized": "with w as materialized (select {text} as t from {rows}) select count(*) from w l "
    "cross join (select max(t) from w) r",
    "recursive": "with recursive w(a, t) as (select 1, 'x' union all select w.a + 1, {text} from w, "
    "generate_series(1, 100) b(b) where w.a < 50) select count(*) from w",
    "union": "select count(*) from (select {text} as t from {rows} union select {text} from {rows}) q",
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
    "many counts distinct": "select {counts} from (select {text} as t from {rows}) s",
    "many modes": "select {modes} from (select {text} as t from {rows}) s",
    "many ordered calls": "select {ordered} from (select {text} as t from {rows}) s",
    "many levels": "select {few_modes} from (select {text} as t, a from {rows}) s group by cube (a % 2, a % 3)",
    "many windows": "select {windows} from (select {text} as t from {rows}) s limit 1",
    "many sorts in a chain": "select count(*) from {chain}",
    "many sorts at once": "select count(*) from {sorts}",
    "many joins": "with w as (select {text} as t from {rows} limit 2600) select count(*) from w w0 {joins}",
    "everything at once": "with w as (select {text} as t from {rows} limit 2600) select {some_modes} from "
    "(select w0.t from w w0 {joins_of_sorts}) s",
}
# Longer texts over more rows, where a spilling node shows what it keeps; short ones would only run out of time.
ROWS = {"few": (_FEW, TEXTS), "some": (_SOME, ("long",))}


def memory_attacks() -> dict[str, str]:
    """Each way of gathering with each text, and as many at once as the gate lets through.

    Returns:
        Texts by what they are.
    """
    found = {}
    for rows_name, (rows, texts) in ROWS.items():
        for text_name, (node, sql) in itertools.product(texts, NODES.items()):
            parts = _parts(TEXTS[text_name], rows)
            for name in re.findall(r"{(\w+)}", sql):
                sql = sql.replace(f"{{{name}}}", parts[name])
            found[f"{node}, {text_name}, {rows_name}"] = sql
    return found


def _parts(text: str, rows: str) -> dict[str, str]:
    sorts, joins = range(MAX_SORTS), range(1, MAX_TABLES - 2)
    joined_sorts = (MAX_TABLES - 4) // 2
    one_sort = f"(select {text} as t from {rows} order by 1 offset 1)"
    chain = f"{one_sort} q0"
    for n in sorts[1:]:
        chain = f"(select reverse(t) as t from {chain} order by reverse(t) desc offset 1) q{n}"
    modes = [f"mode() within group (order by t || '{n}')" for n in sorts]
    sort_joined = " full join (select t from w order by reverse(t) offset 1) s{n} using (t)"
    return {
        "text": text,
        "rows": rows,
        "counts": ", ".join(f"count(distinct t || '{n}')" for n in sorts),
        "modes": ", ".join(modes),
        "some_modes": ", ".join(modes[: MAX_SORTS - joined_sorts]),
        "few_modes": ", ".join(modes[: MAX_SORTS // 3]),
        "ordered": ", ".join(f"max(t || '{n}' order by t || '{n}')" for n in sorts),
        "windows": ", ".join(f"rank() over (order by t || '{n}')" for n in range(MAX_SORTS - 1)),
        "chain": chain,
        "sorts": " cross join ".join(f"(select count(*) from {one_sort} r) s{n}" for n in range(MAX_TABLES // 4)),
        "joins": " ".join(f"full join w w{n} using (t)" for n in joins),
        "joins_of_sorts": "".join(sort_joined.format(n=n) for n in range(joined_sorts)),
    }
