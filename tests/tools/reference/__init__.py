"""What the tools must answer, worked out in plain Python from the raw rows of one store, one module per domain.

No figure here comes from SQL: sums are Decimals, days come from zoneinfo, groups are dicts. Only the
order of texts is the database's, because its collation decides it.
"""
