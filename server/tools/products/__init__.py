"""What the store sells: search, similar products, details, categories."""

from server.tools.products.categories import list_categories
from server.tools.products.details import get_products
from server.tools.products.search import search_products
from server.tools.products.similar import list_similar_products

TOOLS = (search_products, list_similar_products, get_products, list_categories)
