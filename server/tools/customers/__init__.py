"""Who buys here, and what."""

from server.tools.customers.profile import get_customer
from server.tools.customers.search import search_customers
from server.tools.customers.summary import summarize_customers

TOOLS = (search_customers, get_customer, summarize_customers)
