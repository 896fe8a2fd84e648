"""python -m bench relevance, on small sets of somebody else."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from bench.database import Cluster as BenchCluster
from bench.database import temporary_retailer
from bench.relevance import RelevanceOptions, judge
from bench.relevance_report import RelevanceResults, read_earlier, show
from bench.relevance_search import Model, answers, search_client
from bench.relevance_sets import own_set, set_from
from bench.relevance_store import load
from server.errors import InvalidInputError
from server.tools.products.models import SearchMode
from tests.cluster import Cluster
from tests.embeddings.openai_server import API_KEY, OpenAIServer
from tests.relevance.pool import found

LOCAL = Model.parse("wordllama")


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A set of six products, one of which no import takes, with keys that look like numbers in a query."""
    directory = tmp_path / "shop"
    directory.mkdir()
    (directory / "products.csv").write_text(
        "product_id,name,description,category,brand\n"
        "100,Garden hose,Waters beds and lawns.,Garden > Watering,Mossbank\n"
        "16,Claw hammer,Drives nails.,Tools,Hobbard\n"
        "3,Winter jacket,Warm and waterproof.,Clothing,Timberpath\n"
        "4,Coffee maker,Brews filter coffee.,Kitchen,Copperlane\n"
        '5,"A very long name, ' + "indeed " * 60 + '",,,\n'
        "6,,A product without a name.,,\n"
    )
    (directory / "queries.csv").write_text("query_id,query\nq1,hose for 100 plants\nq2,hammer\nq3,nameless\n")
    (directory / "qrels.csv").write_text("query_id,product_id,grade\nq1,100,3\nq1,16,0\nq2,16,3\nq2,3,0\nq3,6,3\n")
    return directory


async def run(
    cluster: Cluster, directory: Path, files: Path, models: tuple[Model, ...] = (LOCAL,), **options: object
) -> RelevanceResults:
    chosen = RelevanceOptions(sets=(directory,), **options)  # type: ignore[arg-type]
    return await judge(BenchCluster(cluster.url, cluster.password), files, [set_from(directory)], models, chosen)


async def test_a_set_is_imported_searched_and_judged(cluster: Cluster, shop: Path, tmp_path: Path) -> None:
    results = await run(cluster, shop, tmp_path)

    assert [run.mode for run in results.runs] == ["hybrid", "semantic", "keyword", "rrf"]
    assert results.sets == [{"name": "shop", "asked": 3, "queries": 3, "products": 5, "rejected": 1}]
    for one in results.runs:
        by_query = one.qualities
        assert by_query["q1"].ndcg == by_query["q1"].recall == by_query["q1"].reciprocal_rank == 1
        assert by_query["q2"].ndcg == 1
        # What could not be imported cannot be found, and that counts.
        assert by_query["q3"].ndcg == by_query["q3"].recall == 0


async def test_results_are_written_shown_and_compared(
    cluster: Cluster, shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = await run(cluster, shop, tmp_path, mode=(SearchMode.HYBRID,))
    file = tmp_path / "results" / "run.json"
    results.write(file)
    content = json.loads(file.read_text())

    earlier = read_earlier(file)
    results.earlier = {key: {query: score - 0.1 for query, score in of.items()} for key, of in earlier.items()}
    show(results)
    shown = capsys.readouterr().out

    (written,) = content["runs"]
    assert [query["query_id"] for query in written["queries"]] == ["q1", "q2", "q3"]
    assert written["all"]["ndcg"]["mean"] == pytest.approx(2 / 3)
    assert written["queries"][1]["found"][0] == results.runs[0].answers[1].skus[0]
    assert earlier == {"shop | hybrid | wordllama | server": {"q1": 1.0, "q2": 1.0, "q3": 0.0}}
    assert "+.100 [+.100, +.100]" in shown
    assert "1 rejected" in shown


async def test_another_text_of_the_products_is_another_ranking(cluster: Cluster, shop: Path, tmp_path: Path) -> None:
    (shop / "queries.csv").write_text("query_id,query\nq1,waterproof\n")
    (shop / "qrels.csv").write_text("query_id,product_id,grade\nq1,3,3\n")

    results = await run(
        cluster, shop, tmp_path, mode=(SearchMode.SEMANTIC, SearchMode.KEYWORD), template=("name", "server")
    )

    likeness = {run.template: run.answers[0].rows[0]["similarity"] for run in results.runs if run.mode == "semantic"}
    assert [(run.mode, run.template) for run in results.runs] == [
        ("semantic", "server"),
        ("keyword", "server"),
        ("semantic", "name"),
    ]
    # Only the description says so.
    assert likeness["server"] > likeness["name"] + 0.05


async def test_models_are_measured_one_after_the_other(
    cluster: Cluster, shop: Path, tmp_path: Path, openai_server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RETAIL_OPENAI_BASE_URL", openai_server.url)
    monkeypatch.setenv("RETAIL_OPENAI_API_KEY", API_KEY)
    openai_server.dimensions = 64

    results = await run(cluster, shop, tmp_path, (LOCAL, Model.parse("bag-of-words@64")), mode=(SearchMode.SEMANTIC,))

    asked = [text for request in openai_server.requests for text in request.body["input"]]
    assert {request.body["model"] for request in openai_server.requests} == {"bag-of-words"}
    assert {"hammer", "hose for 100 plants"} <= set(asked)
    assert [run.model for run in results.runs] == ["wordllama", "bag-of-words"]
    first, second = (run.answers[1].rows[0] for run in results.runs)
    assert first["sku"] == second["sku"]
    assert first["similarity"] != second["similarity"]


async def test_figures_of_another_mode_are_refused(cluster: Cluster, shop: Path, tmp_path: Path) -> None:
    judged_set = set_from(shop)
    async with temporary_retailer(BenchCluster(cluster.url, cluster.password)) as retailer:
        loaded = await load(retailer, judged_set, tmp_path)
        async with search_client(retailer, loaded.store_id, LOCAL) as client:
            with pytest.raises(InvalidInputError, match="mode hybrid, the server searched in keyword"):
                await answers(client, judged_set.queries, "hybrid", key_of=loaded.key_of)


async def test_a_set_without_a_relevant_product_is_refused(cluster: Cluster, shop: Path, tmp_path: Path) -> None:
    (shop / "qrels.csv").write_text("query_id,product_id,grade\nq1,16,0\n")

    with pytest.raises(InvalidInputError, match="no query with a relevant product"):
        await run(cluster, shop, tmp_path)


@pytest.mark.parametrize("text", ["text-embedding-3-small", "@256", "model@many"])
def test_a_model_needs_its_dimensions(text: str) -> None:
    with pytest.raises(InvalidInputError, match="NAME@DIMENSIONS"):
        Model.parse(text)


def test_only_the_endpoint_of_the_environment_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RETAIL_OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("RETAIL_EMBEDDING_MODEL", "somebody-elses")
    monkeypatch.setenv("RETAIL_STORE_ID", "elsewhere")

    settings = Model.parse("nomic-embed-text@768").settings(store_id="here")

    assert settings.openai_base_url == "http://127.0.0.1:9/v1"
    assert (settings.embedding_model, settings.embedding_dimensions) == ("nomic-embed-text", 768)
    assert settings.store_id == "here"
    assert LOCAL.settings().store_id is None


@pytest.mark.parametrize(
    ("options", "message"), [({"queries": 0}, "at least one"), ({"template": ("haiku",)}, "haiku")]
)
def test_options_that_make_no_sense_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        RelevanceOptions(**options).judged_sets()  # type: ignore[arg-type]


def test_a_file_of_something_else_is_no_earlier_run(tmp_path: Path) -> None:
    file = tmp_path / "other.json"
    file.write_text('{"calls": []}')

    with pytest.raises(InvalidInputError, match="holds no results"):
        read_earlier(file)


async def test_a_pool_is_what_any_mode_finds_with_the_grades_it_has(cluster: Cluster, tmp_path: Path) -> None:
    whole = own_set()
    judged = next(query for query in whole.queries if query.text == "16 oz hammer")
    asked = replace(whole, queries=[judged, replace(judged, query_id="new", grades={}, relevant=frozenset())])

    lines = await found(BenchCluster(cluster.url, cluster.password), tmp_path, asked, 5)

    of = {query_id: [line for line in lines if line[0] == query_id] for query_id in (judged.query_id, "new")}
    assert [line[1] for line in of[judged.query_id]] == [line[1] for line in of["new"]]
    assert {line[2] for line in of["new"]} == {""}
    assert {line[1]: line[2] for line in of[judged.query_id]}["HG-HAMMER-0001"] == "3"
    # What meaning alone finds, and what words alone find: more than five.
    assert len(of["new"]) > 5
