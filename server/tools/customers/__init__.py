"""Who buys here, and what."""

from server.tools.customers.profile import get_customer
from server.tools.customers.search import search_customers

TOOLS = (search_customers, get_customer)
