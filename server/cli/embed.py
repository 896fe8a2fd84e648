"""`embed`, on the database that the settings name."""

from __future__ import annotations

from server.embeddings.command import embed_command
from server.operations.command import with_embed_database

embed = embed_command(with_embed_database)
