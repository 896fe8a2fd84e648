"""A release that does not exist: what one does to a schema, so that upgrading is tested before there is a second."""

from __future__ import annotations

import shutil
from pathlib import Path

from server.db.migrate import SchemaFile, schema_files
from tests.upgrade.releases import ROOT

_COLUMN = """
-- A column with a default, a check and an index.
set role retail_owner;
alter table retail.products add column if not exists shelf text not null default 'A1' check (shelf <> '');
comment on column retail.products.shelf is 'Where it stands.';
create index if not exists products_shelf_idx on retail.products (store_id, shelf);
reset role;
"""
_TABLE = """
-- A table of its own, filled from another. Its policy comes with the repeatable files, before anybody is granted it.
set role retail_owner;
create table if not exists retail.shelf_notes (
  store_id text not null references retail.stores,
  shelf text not null,
  note text not null default '',
  primary key (store_id, shelf)
);
comment on table retail.shelf_notes is 'What is to know of a shelf.';
reset role;
insert into retail.shelf_notes (store_id, shelf)
select distinct p.store_id, p.shelf from retail.products p
on conflict do nothing;
"""
_POLICIES = """
-- A policy of the new table, and one made anew: nobody may find the table without one, or see more than before.
set role retail_owner;
alter table retail.shelf_notes enable row level security;
alter table retail.shelf_notes force row level security;
drop policy if exists own_store on retail.shelf_notes;
create policy own_store on retail.shelf_notes for all to mcp_user, retail_owner
  using (store_id = (select guard.store())) with check (store_id = (select guard.store()));
drop policy own_store on retail.customers;
create policy own_store on retail.customers for all to mcp_user, retail_owner
  using (store_id = (select guard.store())) with check (store_id = (select guard.store()));
reset role;
"""
_GRANTS = """
grant select on retail.shelf_notes, retail.shelves to mcp_user;
grant select (shelf) on retail.products to mcp_user;
"""
_VIEW = """
-- A file of its own, with a view over the new column and the new table.
set role retail_owner;
create or replace view retail.shelves with (security_invoker = true) as
select n.store_id, n.shelf, n.note, p.product_id
from retail.shelf_notes n
join retail.products p on p.store_id = n.store_id and p.shelf = n.shelf;
comment on view retail.shelves is 'What stands on each shelf.';
reset role;
"""
ADDED = [
    SchemaFile("versioned/9100_shelf.sql", _COLUMN),
    SchemaFile("versioned/9110_shelf_notes.sql", _TABLE),
]


def _changed() -> list[SchemaFile]:
    """Repeatable files in the form of that release, one new."""
    today = {file.name: file.sql for file in schema_files()}
    guard, policies, grants = (f"repeatable/{name}.sql" for name in ("0030_guard", "0050_policies", "0090_grants"))
    # A function that every call runs.
    body = "  return (guard.context())[7];\n"
    assert today[guard].count(body) == 1
    return [
        SchemaFile(guard, today[guard].replace(body, f"  -- The seventh field.\n{body}")),
        SchemaFile(policies, today[policies] + _POLICIES),
        SchemaFile("repeatable/0089_shelves.sql", _VIEW),
        SchemaFile(grants, today[grants] + _GRANTS),
    ]


CHANGED = _changed()
# What a database of today's schema gets, in order.
APPLIED = [*ADDED, *CHANGED]


def next_files() -> list[SchemaFile]:
    """The files of `sql/` as that release has them."""
    files = {file.name: file for file in (*schema_files(), *APPLIED)}
    return sorted(files.values(), key=lambda file: (file.is_repeatable, file.name))


def next_source(workspace: Path) -> Path:
    """The code of that release, to be run."""
    shutil.copytree(ROOT / "sql", workspace / "sql")
    for file in APPLIED:
        (workspace / "sql" / file.name).write_text(file.sql, encoding="utf-8")
    # A folder that is no package would be one with the repository's own.
    (workspace / "sql" / "__init__.py").touch()
    return workspace
