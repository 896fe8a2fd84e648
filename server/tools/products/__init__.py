"""What the store sells: search, details, categories."""

from server.tools.products.categories import list_categories
from server.tools.products.details import get_products
from server.tools.products.search import search_products

TOOLS = (search_products, get_products, list_categories)
