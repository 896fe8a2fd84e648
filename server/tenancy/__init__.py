"""From a principal to the rows of one store: signed context, store scope, limits per caller and store."""
