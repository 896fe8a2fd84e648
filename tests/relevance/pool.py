"""Lists what the present ranking finds and nobody has graded: `python -m tests.relevance.pool`.

Prints tab separated lines (query_id, sku, grade, kind, query, product) of every product that some search
mode ranks among the first `depth`, in the two demo stores with the largest ranges. Grade them by
GUIDELINES.md and add the first three columns to judgments.tsv.
"""

from __future__ import annotations

import asyncio
import csv
import sys
from pathlib import Path
from typing import Any

from cyclopts import App

from bench.database import Cluster, running_cluster, temporary_directory, temporary_retailer
from bench.relevance_search import LOCAL_MODEL, Model, answers, search_client
from bench.relevance_sets import JudgedQuery, JudgedSet, own_set
from bench.relevance_store import SERVER_TEMPLATE, embed, load
from server.tools.products.models import SearchMode

STORES = ("online", "seattle")
MODEL = Model(LOCAL_MODEL)

app = App(name="pool", help="List the products that are found and not graded.")


@app.default
def pool(depth: int = 15, graded: bool = False) -> None:
    """List them.

    Args:
        depth: How many hits of each query and mode to look at, up to 20.
        graded: Whether to list the graded ones too.
    """
    with running_cluster() as cluster, temporary_directory() as directory:
        lines = asyncio.run(found(cluster, directory, own_set(), depth))
    table = csv.writer(sys.stdout, delimiter="\t", lineterminator="\n")
    table.writerow(("query_id", "sku", "grade", "kind", "query", "product"))
    table.writerows(line for line in lines if graded or line[2] == "")


async def found(cluster: Cluster, directory: Path, judged_set: JudgedSet, depth: int) -> list[tuple[str, ...]]:
    """Query id, SKU, grade or nothing, kind, query and product name of what is found, in the order of the set."""
    lines: dict[tuple[str, str], tuple[str, ...]] = {}
    async with temporary_retailer(cluster) as retailer:
        await load(retailer, judged_set, directory)
        for store_id in STORES:
            await embed(retailer, store_id, MODEL, SERVER_TEMPLATE)
            async with search_client(retailer, store_id, MODEL) as client:
                for mode in SearchMode:
                    for answer in await answers(client, judged_set.queries, mode):
                        for row in answer.rows[:depth]:
                            lines.setdefault((answer.query.query_id, row["sku"]), _line(answer.query, row))
    order = {query.query_id: place for place, query in enumerate(judged_set.queries)}
    return sorted(lines.values(), key=lambda line: (order[line[0]], line[1]))


def _line(query: JudgedQuery, row: dict[str, Any]) -> tuple[str, ...]:
    grade = query.grades.get(row["sku"])
    shown = "" if grade is None else f"{grade:g}"
    return query.query_id, row["sku"], shown, query.kind, query.text, row["product_name"]


if __name__ == "__main__":
    app()
