"""Who am I, and which stores may I see?"""

from server.tools.stores.tools import get_store_context

TOOLS = (get_store_context,)
