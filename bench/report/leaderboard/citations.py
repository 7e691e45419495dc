"""Citations of datasets as BibTeX, from the one line that their declarations give."""

import re

_PUBLICATION = re.compile(
    r"(?P<authors>[^:]{3,400}): (?P<title>.{5,400}?)\. (?P<where>.*?\b(?P<year>(?:19|20)\d\d)\b.*)"
)
_IDENTIFIERS = {
    "doi": re.compile(r"doi:(10\.\S+?)(?:[,;]|$)"),
    "eprint": re.compile(r"arXiv:(\d{4}\.\d{4,5})"),
}
_SPECIAL = re.compile(r"([&%$#_{}])")


def bibtex(name: str, citation: str, url: str) -> str:
    """The publications of a citation, an entry each.

    Args:
        name: of the dataset; keys are made of it.
        citation: such as ``A. Author, B. Author: Title. VENUE 2024, arXiv:2405.15477``, several
            divided by semicolons. What has another form becomes a note.
        url: of the dataset; empty for none.
    """
    parts = [part.strip() for part in re.split(r";\s+", " ".join(citation.split())) if part.strip()]
    return "\n\n".join(
        _entry(f"{_key(name)}{chr(ord('a') + index) if len(parts) > 1 else ''}", part, url)
        for index, part in enumerate(parts[:26])
    )


def _entry(key: str, text: str, url: str) -> str:
    fields = {"note": _escaped(text)}
    if found := _PUBLICATION.fullmatch(text):
        authors = re.sub(r"\s+et al\.?$", ", others", found["authors"])
        where = re.split(r",? (?:arXiv|doi):", found["where"])[0]
        fields = {
            "author": _escaped(" and ".join(re.split(r",\s+(?:and )?", authors))),
            "title": f"{{{_escaped(found['title'])}}}",
            "year": found["year"],
            "howpublished": _escaped(where.rstrip(",. ")),
        }
    for field, pattern in _IDENTIFIERS.items():
        if identifier := pattern.search(text):
            fields[field] = identifier[1]
    if "eprint" in fields:
        fields["archiveprefix"] = "arXiv"
    if url:
        fields["url"] = url
    lines = ",\n".join(f"  {field} = {{{value}}}" for field, value in fields.items())
    return f"@misc{{{key},\n{lines}\n}}"


def _key(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9-]+", "-", name).strip("-") or "dataset"


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", text.replace("\\", " "))
