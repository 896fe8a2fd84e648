"""The audit log of tool calls: what is kept of a call, and how it gets into the database."""
