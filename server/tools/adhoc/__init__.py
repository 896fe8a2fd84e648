"""Questions that no other tool answers: SQL of the caller over the views of its store."""

from server.tools.adhoc.query import run_query
from server.tools.adhoc.schema import get_schema

TOOLS = (get_schema, run_query)
