"""What is on the shelf, and what to order."""

from server.tools.inventory.low_stock import list_low_stock

TOOLS = (list_low_stock,)
