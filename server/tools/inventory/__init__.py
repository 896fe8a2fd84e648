"""What is on the shelf, and what to order."""

from server.tools.inventory.low_stock import list_low_stock
from server.tools.inventory.overview import summarize_inventory

TOOLS = (list_low_stock, summarize_inventory)
