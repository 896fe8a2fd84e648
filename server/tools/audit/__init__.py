"""Who asked what, and who changed what."""

from server.tools.audit.events import list_audit_events

TOOLS = (list_audit_events,)
