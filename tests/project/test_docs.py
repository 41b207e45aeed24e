"""What docs/teaching says of the pages and of the code is so."""

import re

import pytest

import docs

TEACHING = docs.ROOT / "docs" / "teaching"
GUIDE, MISCONCEPTIONS, QUESTIONS, GLOSSARY = (
    TEACHING / f"{name}.md" for name in ("guide", "misconceptions", "questions", "glossary")
)


def text_of(path):
    return path.read_text(encoding="utf-8")


def in_one_line(text):
    return re.sub(r"\s+", " ", text)


def parts_by_notebook(path):
    """Return what stands on a page under "## Notebook 1", "## Notebook 2" and so on."""
    pieces = re.split(r"^## Notebook (\d)$", text_of(path), flags=re.MULTILINE)
    return {int(number): part for number, part in zip(pieces[1::2], pieces[2::2], strict=True)}


@pytest.mark.parametrize("path", docs.PAGES, ids=lambda path: path.stem)
def test_make_docs_would_change_nothing(path):
    assert docs.written(text_of(path)) == text_of(path), "run `make docs`"


@pytest.mark.parametrize("notebook", docs.NOTEBOOKS)
def test_misconceptions_has_every_exercise_with_words_of_its_own(notebook):
    part = parts_by_notebook(MISCONCEPTIONS)[notebook]
    headings = re.findall(r"^### (.*)\n\n[^<\n]{100,}\n\n<!-- make docs writes slips (.*) -->", part, re.MULTILINE)
    assert headings == [(f"{one.number}, {one.title}", one.number) for one in docs.exercises_of(notebook)]


@pytest.mark.parametrize("notebook", docs.NOTEBOOKS)
def test_questions_in_passing_stand_in_the_section_they_name(notebook):
    asked = re.findall(r'^- \*(.*?)\* "(.*?)" \S', parts_by_notebook(QUESTIONS)[notebook], re.MULTILINE)
    assert len(asked) >= 5
    for heading, question in asked:
        assert question in in_one_line(docs.sections(notebook)[heading].text), (heading, question)


@pytest.mark.parametrize("notebook", docs.NOTEBOOKS)
def test_the_guide_names_every_exercise_among_the_objectives(notebook):
    part = text_of(GUIDE).split(f"**Notebook {notebook}.** A learner can")[1].split("\n\n")[0]
    assert re.findall(r"\((\d\.\d)\)", part) == [one.number for one in docs.exercises_of(notebook)]


def test_each_term_of_the_glossary_stands_in_the_section_that_introduces_it():
    rows = re.findall(
        r"^\| (?!term|---)(.*) \| (.*) \| \[(\d)\]\((.*)\), \*(.*)\* \|$", text_of(GLOSSARY), re.MULTILINE
    )
    assert len(rows) == text_of(GLOSSARY).count("](../../notebooks/") >= 80
    terms = [re.sub(r" \(.*\)", "", term).strip("`").lower() for term, *_ in rows]
    assert terms == sorted(set(terms))
    for term, (_, _, notebook, link, heading) in zip(terms, rows, strict=True):
        assert (GLOSSARY.parent / link).resolve() == docs.NOTEBOOKS[int(notebook)]
        assert term in in_one_line(docs.sections(int(notebook))[heading].text).lower(), (term, heading)
