import pytest

from bench.base.errors import BenchError, RequestError
from bench.base.files import tree_sha256
from bench.results import sql, store
from tests.fabricated import fabricate

FAILING = """
select class, sum(targets[number]) as patches,
       1 - sum((targets[number] = 1 and logits[number] > 0)::int) / patches as missed
from observations_reben_mlc join classes using (task)
where entry = 'e' and country = 'Portugal' and season = 'winter'
group by class having patches > 0 order by missed desc, class
"""


@pytest.fixture(scope="module")
def unharmed(tmp_path_factory):
    """A results folder that hostile questions leave as it is."""
    return made(tmp_path_factory.mktemp("unharmed"))


@pytest.fixture
def results(tmp_path):
    return made(tmp_path)


def made(root):
    folder = root / "results"
    runs = [fabricate(folder, name, entry=name, seed=n)[0] for n, name in enumerate(("e", "f"))]
    store.record(folder, *runs)
    return folder


def test_which_classes_fail_in_portugal_in_winter_is_one_query(results):
    from bench.spec import task as tasks

    _, targets, logits = fabricate(results, "e", entry="e", seed=0)
    # The first two samples are those of Portugal in winter.
    expected = {}
    for number, name in enumerate(tasks.load("reben-mlc").classes):
        present = targets[:2, number] == 1
        if present.any():
            missed = (present & (logits[:2, number] <= 0)).sum() / present.sum()
            expected[name] = (present.sum(), missed)
    answer = sql.ask(results, FAILING)
    assert answer.names == ["class", "patches", "missed"]
    assert {name: (patches, missed) for name, patches, missed in answer.rows} == expected
    assert len(set(expected.values())) > 1
    missed = [row[2] for row in answer.rows]
    assert missed == sorted(missed, reverse=True)


def test_the_readme_of_results_shows_this_query():
    from bench.base.paths import shipped

    readme = shipped("tasks").parent / "results" / "README.md"
    if not readme.is_file():
        pytest.skip("the documentation of results is in a checkout only")
    assert FAILING.strip() in readme.read_text(encoding="utf-8")


def test_observations_know_their_run_and_join_the_tables(results):
    answer = sql.ask(
        results,
        "select run, entry, track, count(*), count(distinct sample), any_value(value) "
        "from observations_reben_mlc join metrics using (run) where is_primary "
        "group by all order by run",
    )
    assert answer.rows == [("e", "e", "sample", 6, 6, 0.5), ("f", "f", "sample", 6, 6, 0.5)]


def test_a_limit_is_kept_and_says_so(results):
    question = "select run from runs order by run"
    assert sql.ask(results, question, 1) == sql.Answer(["run"], [("e",)], more=True, left_out=[])
    assert sql.ask(results, question, 2) == sql.Answer(
        ["run"], [("e",), ("f",)], more=False, left_out=[]
    )


def test_a_quote_in_the_name_of_a_folder_is_no_quote_in_sql(tmp_path):
    folder = tmp_path / "it's [here]"
    run, *_ = fabricate(folder, "e")
    store.record(folder, run)
    assert sql.ask(folder, "select count(*) from observations_reben_mlc").rows == [(6,)]


@pytest.mark.parametrize(
    "question",
    [
        "copy runs to '{folder}/stolen.csv'",
        "copy runs to '{part}'",
        "copy (select 1) to '{part}' (format parquet, use_tmp_file false)",
        "explain analyze copy (select 1) to '{part}' (format parquet, use_tmp_file false)",
        "export database '{folder}/stolen'",
        "attach '{folder}/other.db'",
        "create table x as select 1",
        "create temp table x as select 1",
        "drop table runs",
        "delete from runs",
        "insert into runs select * from runs",
        "update metrics set value = 1",
        "with x as (delete from runs returning run) select * from x",
        "select 1; delete from runs",
        "set enable_external_access = true",
        "pragma database_list",
        "install httpfs",
        "load httpfs",
        "call enable_logging()",
        "from enable_logging(storage = 'file', storage_config = {{'path': '{folder}/log'}})",
        "select * from read_text('{secret}')",
        "select * from read_text('{part}/../../../secret.txt')",
        "select * from read_csv('{secret}')",
        "select * from read_blob('{folder}/*')",
        "select * from '{secret}'",
        "select * from glob('{folder}/*')",
        "select * from sniff_csv('{secret}')",
        "select * from read_parquet('https://example.com/a.parquet')",
        "select * from question",
        "select getenv('HOME')",
        "selec",
        "",
        "select * from observations_nothing",
    ],
)
def test_a_hostile_or_wrong_question_is_one_clear_error_and_changes_nothing(unharmed, question):
    root = unharmed.parent
    secret = root / "secret.txt"
    secret.write_text("secret")
    part = unharmed / "runs" / "e" / "part-00000.parquet"
    before = tree_sha256(root)
    # Named, so that its files are readable while the question is answered.
    asked = question.format(folder=root, secret=secret, part=part)
    for text in (asked, f"{asked} -- observations_reben_mlc"):
        with pytest.raises(RequestError) as caught:
            sql.ask(unharmed, text)
        assert "\n" not in str(caught.value)
    assert tree_sha256(root) == before
    assert sql.ask(unharmed, "select count(*) from runs").rows == [(2,)]


def test_observations_of_a_task_not_named_are_not_readable(results):
    part = results / "runs" / "e" / "part-00000.parquet"
    with pytest.raises(RequestError, match="disabled by configuration"):
        sql.ask(results, f"select * from read_parquet('{part}')")


def test_runs_without_their_observations_are_named(results):
    for path in results.glob("runs/*/*.parquet"):
        path.unlink()
    with pytest.raises(RequestError, match="no run of task reben-mlc has its observations"):
        sql.ask(results, "from observations_reben_mlc")


def test_without_a_database_it_says_how_to_get_one(tmp_path):
    with pytest.raises(BenchError, match="no results at"):
        sql.ask(tmp_path, "from runs")
