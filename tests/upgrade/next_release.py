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
grant select (shelf) on retail.products to mcp_user;
"""
_TABLE = """
-- A table of its own, filled from another.
set role retail_owner;
create table if not exists retail.shelf_notes (
  store_id text not null references retail.stores,
  shelf text not null,
  note text not null default '',
  primary key (store_id, shelf)
);
comment on table retail.shelf_notes is 'What is to know of a shelf.';
alter table retail.shelf_notes enable row level security;
alter table retail.shelf_notes force row level security;
drop policy if exists own_store on retail.shelf_notes;
create policy own_store on retail.shelf_notes for all to mcp_user, retail_owner
  using (store_id = (select guard.store())) with check (store_id = (select guard.store()));
reset role;
grant select on retail.shelf_notes to mcp_user;
insert into retail.shelf_notes (store_id, shelf)
select distinct p.store_id, p.shelf from retail.products p
on conflict do nothing;
"""
_POLICIES = """
-- Policies made anew: nobody may find the table without one, or see more than before.
set role retail_owner;
drop policy own_store on retail.customers;
create policy own_store on retail.customers for all to mcp_user, retail_owner
  using (store_id = (select guard.store())) with check (store_id = (select guard.store()));
reset role;
"""
_FUNCTIONS = """
-- A function that every call runs, replaced.
set role retail_guard;
create or replace function guard.store() returns text
language plpgsql stable parallel restricted security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  field text[] := guard.context();
begin
  return field[7];
end
$$;
reset role;
"""
ADDED = [
    SchemaFile("9100_shelf.sql", _COLUMN),
    SchemaFile("9110_shelf_notes.sql", _TABLE),
    SchemaFile("9120_policies.sql", _POLICIES),
    SchemaFile("9130_store.sql", _FUNCTIONS),
]


def next_files() -> list[SchemaFile]:
    """The files of `sql/` with those of the release that does not exist."""
    return [*schema_files(), *ADDED]


def next_source(workspace: Path) -> Path:
    """The code of that release, to be run."""
    shutil.copytree(ROOT / "sql", workspace / "sql")
    for file in ADDED:
        (workspace / "sql" / file.name).write_text(file.sql, encoding="utf-8")
    # A folder that is no package would be one with the repository's own.
    (workspace / "sql" / "__init__.py").touch()
    return workspace
