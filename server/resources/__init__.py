"""What an assistant may read beside the tools: answers that have an address of their own."""

from server.resources.of_stores import (
    categories,
    categories_of_store,
    freshness,
    freshness_of_store,
    schema,
    schema_of_store,
)

RESOURCES = (categories, categories_of_store, freshness, freshness_of_store, schema, schema_of_store)
