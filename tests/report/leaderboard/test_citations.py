import re

from bench.report.leaderboard.citations import bibtex
from bench.spec import task as tasks


def test_authors_title_year_and_identifiers():
    text = bibtex(
        "hyspecnet-11k",
        "M. H. P. Fuchs, B. Demir: HySpecNet-11k: A Large-Scale Dataset & Methods. IGARSS 2023, "
        "pp. 1779-1782, arXiv:2306.00385, doi:10.5061/dryad.fttdz08zh",
        "https://hyspecnet.rsim.berlin",
    )
    assert text.splitlines() == [
        "@misc{hyspecnet-11k,",
        "  author = {M. H. P. Fuchs and B. Demir},",
        r"  title = {{HySpecNet-11k: A Large-Scale Dataset \& Methods}},",
        "  year = {2023},",
        "  howpublished = {IGARSS 2023, pp. 1779-1782},",
        "  doi = {10.5061/dryad.fttdz08zh},",
        "  eprint = {2306.00385},",
        "  archiveprefix = {arXiv},",
        "  url = {https://hyspecnet.rsim.berlin}",
        "}",
    ]


def test_several_publications_have_keys_of_their_own_and_an_unknown_form_is_a_note():
    text = bibtex("set", "A. Bee et al.: A title. ICCV 2021; in preparation", "")
    assert re.findall(r"@misc{(\w+),", text) == ["seta", "setb"]
    assert "author = {A. Bee and others}" in text
    assert "note = {in preparation}" in text


def test_nothing_of_a_stranger_ends_the_field_it_stands_in():
    text = bibtex("x}, y", r"A: B}}, \evil{1}. C 2020", "")
    assert r"\evil" not in text
    assert re.sub(r"\\[{}]", "", text).count("{") == re.sub(r"\\[{}]", "", text).count("}")


def test_the_citations_of_all_tasks_have_this_form():
    for name in tasks.names():
        declared = tasks.load(name).declaration
        text = bibtex(name, str(declared["citation"]), "")
        assert "author = {" in text, name
        assert "note" not in text, f"{name}: {declared['citation']}"
