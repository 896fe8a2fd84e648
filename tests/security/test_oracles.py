"""What another store has is answered like what nobody has, whatever SQL the server's login runs."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import asyncpg
import pytest

from tests.security.oracles import (
    ERROR_TEXTS,
    QUESTIONS,
    REFERENCES,
    ROWS_MOVED,
    UNIQUE_VALUES,
    Things,
    add_things,
    things_of_nobody,
    told,
)
from tests.sql.acting import StoresTemplate, TwoStores, connected, enter, inside

# Into the own store a row may be put; that it may not be put elsewhere is tested by itself.
ABOUT_OWN = sorted(set(QUESTIONS) - set(ROWS_MOVED))


@dataclass(frozen=True)
class Neighbourhood:
    """Seattle, in whose context everything is asked, redmond and nobody."""

    world: TwoStores
    mcp: Any
    operator: Any
    seattle: Things
    redmond: Things
    nobody: Things


@pytest.fixture(scope="module")
async def near(stores: StoresTemplate) -> AsyncIterator[Neighbourhood]:
    async with (
        stores.copy() as world,
        connected(world.retailer.admin_url) as operator,
        connected(world.retailer.app_url) as mcp,
    ):
        seattle = await add_things(operator, "seattle", "+1 206-555-0190")
        redmond = await add_things(operator, "redmond", "+1 425-555-0191")
        yield Neighbourhood(world, mcp, operator, seattle, redmond, things_of_nobody())


@pytest.mark.parametrize("question", QUESTIONS)
async def test_what_another_store_has_is_answered_like_what_nobody_has(near: Neighbourhood, question: str) -> None:
    foreign, absent = [
        await told(near.mcp, near.world, QUESTIONS[question], near.seattle, it) for it in (near.redmond, near.nobody)
    ]

    assert foreign == absent


@pytest.mark.parametrize("question", ABOUT_OWN)
async def test_what_the_own_store_has_is_answered_otherwise(near: Neighbourhood, question: str) -> None:
    """Guards the test above: a question whose answer never changes proves nothing."""
    own, absent = [
        await told(near.mcp, near.world, QUESTIONS[question], near.seattle, it) for it in (near.seattle, near.nobody)
    ]

    assert own != absent


@pytest.mark.parametrize("question", ROWS_MOVED)
async def test_row_is_not_moved_into_another_store(near: Neighbourhood, question: str) -> None:
    answer = await told(near.mcp, near.world, QUESTIONS[question], near.seattle, near.redmond)

    assert "'sqlstate': '42501'" in answer
    assert "new row violates row-level security policy" in answer or "permission denied for table" in answer


async def test_every_reference_between_rows_of_a_store_is_asked_about(near: Neighbourhood) -> None:
    count = await near.operator.fetchval(
        "select count(*) from pg_constraint where contype = 'f' and connamespace = 'retail'::regnamespace"
        " and cardinality(conkey) > 1"
    )

    assert count == len(REFERENCES)


async def test_every_unique_value_that_the_server_may_write_is_asked_about(near: Neighbourhood) -> None:
    """Constraints named by the duplicate errors of the own store, against the catalogue's."""
    named = set()
    for question in UNIQUE_VALUES:
        answer = await told(near.mcp, near.world, UNIQUE_VALUES[question], near.seattle, near.seattle)
        named |= {part for part in answer.split("'") if part.endswith(("_pkey", "_per_store"))}
    constraints = await near.operator.fetch(
        """select c.relname || ':' || i.relname as name, i.relname from pg_index x
           join pg_class c on c.oid = x.indrelid join pg_class i on i.oid = x.indexrelid
           where c.relnamespace = 'retail'::regnamespace and x.indisunique
             and has_any_column_privilege('mcp_user', c.oid, 'insert')"""
    )

    # A movement's key is always generated; one embedding per product and model needs the product itself; a word is
    # no key of anything, and each store has its own row of it.
    unasked = {"stock_movements_pkey", "unique_product_embedding", "product_words_pkey"}
    assert {row["relname"] for row in constraints} - named == unasked


async def test_row_with_the_key_of_another_stores_row_leaves_that_one_alone(near: Neighbourhood) -> None:
    before = await _rows_of_redmond(near)
    async with near.mcp.transaction():
        await enter(near.mcp, near.world.token("seattle"))
        for question in ("key of a customer", "key of a product"):
            await near.mcp.execute(UNIQUE_VALUES[question].format(own=near.seattle, it=near.redmond))
        for table, key in (("customers", near.redmond.customer_id), ("products", near.redmond.product_id)):
            assert await near.mcp.execute(f"delete from retail.{table} where {table[:-1]}_id = $1", key) == "DELETE 1"

    assert await _rows_of_redmond(near) == before


async def _rows_of_redmond(near: Neighbourhood) -> list[Any]:
    return [
        tuple(row)
        for table in ("customers", "products", "sales_transactions", "sales_transaction_items", "product_embeddings")
        for row in await near.operator.fetch(f"select * from retail.{table} where store_id = 'redmond' order by 2")
    ]


@pytest.mark.parametrize(("store_id", "waits"), [("redmond", False), ("seattle", True)])
async def test_value_that_another_store_is_about_to_take_keeps_nobody_waiting(
    near: Neighbourhood, store_id: str, waits: bool
) -> None:
    """A duplicate check waits for a transaction that may or may not commit; that would be an answer, too."""
    async with connected(near.world.retailer.app_url) as other, inside(other, near.world, store_id):
        await other.execute(
            "insert into retail.customers (store_id, first_name, last_name, email) values ($1, 'A', 'B', 'soon@x.y')",
            store_id,
        )
        async with inside(near.mcp, near.world, "seattle"):
            await near.mcp.execute("set local lock_timeout = '200ms'")
            insert = near.mcp.execute(
                "insert into retail.customers (store_id, first_name, last_name, email)"
                " values ('seattle', 'A', 'B', 'soon@x.y')"
            )
            if waits:
                with pytest.raises(asyncpg.LockNotAvailableError):
                    await insert
            else:
                assert await insert == "INSERT 0 1"


@pytest.mark.parametrize("question", ERROR_TEXTS)
async def test_error_text_speaks_of_the_own_store_only(near: Neighbourhood, question: str) -> None:
    """Unfiltered, so that the error is of whatever row comes first; the mark is in all of redmond's."""
    text = ERROR_TEXTS[question].split(" where ")[0].format(own=near.seattle, it=near.redmond)
    answer = await told(near.mcp, near.world, text, near.seattle, near.nobody)

    assert "redmond" not in answer.lower()


async def test_the_server_can_read_and_advance_no_sequence(near: Neighbourhood) -> None:
    """A counter that all stores share would count their rows."""
    usable = await near.operator.fetch(
        """select sequencename from pg_sequences
           where has_sequence_privilege(
             'mcp_user', format('%I.%I', schemaname, sequencename), 'usage, select, update')"""
    )

    assert usable == []


async def test_no_number_from_a_shared_counter_is_readable(near: Neighbourhood) -> None:
    """Ids of the own store's rows, which tell by their gaps what other stores wrote meanwhile."""
    readable = await near.operator.fetch(
        """select c.relname || '.' || a.attname as name
           from pg_attribute a join pg_class c on c.oid = a.attrelid
           where c.relnamespace = 'retail'::regnamespace and c.relkind in ('r', 'p')
             and (a.attidentity <> '' or exists (
               select from pg_attrdef d where d.adrelid = c.oid and d.adnum = a.attnum
                 and pg_get_expr(d.adbin, d.adrelid) like '%nextval%'))
             and has_column_privilege('mcp_user', c.oid, a.attnum, 'select')"""
    )

    # Categories are reference data of all stores, which operators write.
    assert [row["name"] for row in readable] == ["product_categories.category_id"]


async def test_no_function_answers_with_a_number_from_a_shared_counter(near: Neighbourhood) -> None:
    """Every whole number that a function returns to the server is one of these, which count in the own store."""
    numbers = await near.operator.fetch(
        """select p.proname || '.' || argument.name as name
           from pg_proc p, unnest(p.proallargtypes, p.proargmodes, p.proargnames) argument (type, mode, name)
           where p.pronamespace in ('retail'::regnamespace, 'guard'::regnamespace)
             and has_function_privilege('mcp_user', p.oid, 'execute')
             and argument.mode in ('o', 't', 'b') and argument.type in ('int4'::regtype, 'int8'::regtype)"""
    )

    assert {row["name"] for row in numbers} <= {
        # Reference data of all stores, as above.
        "categories_within.category_id",
        "match_customers.match_rank",
        "embedding_state.missing",
        "embedding_state.outdated",
        "embedding_state.products",
        "list_audit_events.row_count",
        "list_audit_events.duration_ms",
    }


async def test_new_id_tells_nothing_but_its_time(near: Neighbourhood) -> None:
    """Between two ids of one store, others are made; the ids are as far apart as without them."""
    async with inside(near.mcp, near.world, "seattle"):
        ids = [await near.mcp.fetchval("select retail.new_id()") for _ in range(50)]

    # Of a version 7 id, 48 bits are the time in milliseconds; a counter would show in what follows.
    tails = [value.int & ((1 << 62) - 1) for value in ids]
    assert len(set(tails)) == len(ids)
    assert min(abs(later - earlier) for earlier, later in itertools.pairwise(tails)) > 1 << 32
