"""A tool call: who makes it, and what is known of it while it runs."""
