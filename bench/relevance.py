"""How well product search ranks: judged queries through the server's own tool, as mcp_user under RLS.

Every product goes in through the real import (or the demo generator) and the real embedding job; every
query goes through `search_products` of a complete server in this process: token, signed store context,
policies and ranking SQL included.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import uvloop
from cyclopts import Parameter
from cyclopts.types import File
from fastmcp.exceptions import ToolError
from rich.console import Console

from bench.database import Cluster, Retailer, running_cluster, temporary_directory, temporary_retailer
from bench.machine import machine_facts
from bench.relevance_report import RelevanceResults, Run, read_earlier, show
from bench.relevance_search import LOCAL_MODEL, Model, answers, search_client
from bench.relevance_sets import JudgedSet, own_set, set_from
from bench.relevance_store import TEMPLATES, Loaded, embed, load
from server.errors import InvalidInputError, RetailError
from server.tools.products.models import SearchMode

_RESULTS: Final = Path(__file__).parent / "results"
_QUERIES_PER_REPORT: Final = 100
_console = Console(stderr=True, highlight=False)


@dataclass(frozen=True)
class RelevanceOptions:
    """What to judge.

    Attributes:
        sets: Directories with products.csv, queries.csv and qrels.csv, or with WANDS' product.csv, query.csv
            and label.csv. None: the project's own set on the demo catalogue.
        mode: Search modes; by default all.
        model: Embedding models: wordllama, or NAME@DIMENSIONS of the endpoint of RETAIL_OPENAI_BASE_URL.
        template: Texts to embed products as; "server" is what the server does.
        irrelevant_grade: The grade of these directories that means irrelevant; grades count from there.
        relevant_grade: Their lowest grade that counts for recall and MRR; by default two above irrelevant_grade.
        queries: How many queries of each directory to ask, always the same ones; by default all.
        against: File of an earlier run to compare with, query by query.
        output: JSON file with every number; by default a new one in bench/results.
    """

    sets: tuple[Path, ...] = ()
    mode: tuple[SearchMode, ...] = tuple(SearchMode)
    model: tuple[str, ...] = (LOCAL_MODEL,)
    template: tuple[str, ...] = ("server",)
    irrelevant_grade: float = 0.0
    relevant_grade: float | None = None
    queries: int | None = None
    against: Path | None = None
    output: File | None = None

    def judged_sets(self) -> list[JudgedSet]:
        """The sets, read.

        Raises:
            InvalidInputError: One of them cannot be read, or an option makes no sense.
        """
        if self.queries is not None and self.queries < 1:
            raise InvalidInputError(f"queries is {self.queries}. Ask at least one.")
        if unknown := set(self.template) - TEMPLATES.keys():
            raise InvalidInputError(f"No template {', '.join(sorted(unknown))}. Choose from: {'; '.join(TEMPLATES)}.")
        if not self.sets:
            return [own_set()]
        return [
            set_from(
                directory,
                irrelevant_grade=self.irrelevant_grade,
                relevant_grade=self.relevant_grade,
                limit=self.queries,
            )
            for directory in self.sets
        ]


_DEFAULTS: Final = RelevanceOptions()


def relevance(options: Annotated[RelevanceOptions, Parameter(name="*", negative=())] = _DEFAULTS) -> int:
    """How well product search ranks judged queries: NDCG@10, Recall@20, MRR."""
    try:
        judged_sets = options.judged_sets()
        models = [Model.parse(text) for text in options.model]
        earlier = read_earlier(options.against) if options.against else {}
        with running_cluster() as cluster, temporary_directory() as directory:
            results = uvloop.run(judge(cluster, directory, judged_sets, models, options))
    except (RetailError, ToolError) as error:
        _console.print(str(error), style="red", markup=False, soft_wrap=True)
        return 2
    results.earlier = earlier
    output = options.output or _RESULTS / f"relevance-{datetime.now(UTC):%Y%m%d-%H%M%S}.json"
    results.write(output)
    show(results)
    _console.print(f"Every number: {output}")
    return 0


async def judge(
    cluster: Cluster,
    directory: Path,
    judged_sets: Sequence[JudgedSet],
    models: Sequence[Model],
    options: RelevanceOptions,
) -> RelevanceResults:
    """Judge every set, each in a database of its own.

    Args:
        cluster: Where these databases are made and dropped.
        directory: For the files that the import reads.
        judged_sets: What to ask and what is right.
        models: Embedding models.
        options: Modes and templates.

    Raises:
        InvalidInputError: A set has no query with a relevant product.
    """
    results = RelevanceResults(await machine_facts(cluster))
    for judged_set in judged_sets:
        async with temporary_retailer(cluster) as retailer:
            _tell(f"{judged_set.name}: loading products")
            loaded = await load(retailer, judged_set, directory)
            asked = sum(bool(query.relevant) for query in loaded.judged_set.queries)
            if not asked:
                raise InvalidInputError(f"The set {judged_set.name} has no query with a relevant product.")
            results.sets.append(
                {
                    "name": judged_set.name,
                    "asked": len(judged_set.queries),
                    "queries": asked,
                    "products": loaded.products,
                    "rejected": loaded.rejected,
                }
            )
            results.runs += await _runs(retailer, loaded, models, options)
    return results


async def _runs(retailer: Retailer, loaded: Loaded, models: Sequence[Model], options: RelevanceOptions) -> list[Run]:
    runs = []
    name = loaded.judged_set.name
    # Words alone know neither models nor templates.
    modes = list(options.mode)
    for template in sorted(options.template, key=list(TEMPLATES).index):
        for model in models:
            _tell(f"{name}: embedding with {model.name}, text {template}")
            await embed(retailer, loaded.store_id, model, template)
            async with search_client(retailer, loaded.store_id, model) as client:
                for mode in modes:
                    _tell(f"{name}: {len(loaded.judged_set.queries):,} queries, {mode}")
                    began = time.perf_counter()
                    found = await answers(client, loaded.judged_set.queries, mode, key_of=loaded.key_of, report=_count)
                    seconds = time.perf_counter() - began
                    runs.append(Run(name, str(mode), model.name, template, found, seconds))
            modes = [mode for mode in modes if mode is not SearchMode.KEYWORD]
    return runs


def _count(done: int) -> None:
    if done % _QUERIES_PER_REPORT == 0:
        _tell(f"  {done:,}")


def _tell(text: str) -> None:
    _console.print(text, style="dim")
