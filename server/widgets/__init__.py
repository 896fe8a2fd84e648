"""Pictures of answers: what a client that can show MCP Apps draws of a tool's result.

Each is one HTML page that loads nothing and knows no figure: the client shows it beside the answer and hands it the
answer that the model got, too. Protocol: MCP Apps 2026-01-26.
"""

from __future__ import annotations

from fastmcp.apps import UI_MIME_TYPE, AppConfig
from fastmcp.apps.config import app_config_to_meta_dict
from fastmcp.resources import TextResource
from pydantic import AnyUrl

from server.toolkit.annotations import picture_uri, requires_scope
from server.widgets.page import page

# It draws on the background that the client gives it, so the client gives it an edge as well.
_IN_A_FRAME = {"ui": app_config_to_meta_dict(AppConfig(prefers_border=True))}


def _picture(name: str, title: str, description: str, html: str) -> TextResource:
    return TextResource(
        uri=AnyUrl(picture_uri(name)),
        name=f"{name}_picture",
        title=title,
        description=description,
        mime_type=UI_MIME_TYPE,
        meta=requires_scope("retail:read") | _IN_A_FRAME,
        text=html,
    )


PICTURES = (
    _picture(
        "sales",
        "Picture of sales",
        "Draws what summarize_sales answers: columns over time or bars, with the comparison, and as a table.",
        page(
            "Sales",
            styles=("base.css", "chart.css"),
            scripts=("host.js", "text.js", "chart.js", "frame.js", "sales.js"),
        ),
    ),
    _picture(
        "low_stock",
        "Picture of low stock",
        "Draws what list_low_stock answers: stock against reorder point, minimum and maximum, and as a table.",
        page(
            "Low stock",
            styles=("base.css", "chart.css", "low_stock.css"),
            scripts=("host.js", "text.js", "frame.js", "low_stock.js"),
        ),
    ),
)
