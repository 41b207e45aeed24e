"""What those who cite, report, license or teach rely on: it is valid, agrees with itself, and links lead to files."""

import re
import subprocess
import sys

import links
import pytest
from ruamel.yaml import YAML

ROOT = links.ROOT
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("[0-9]*.yml"))
CONFIG = ROOT / ".github" / "ISSUE_TEMPLATE" / "config.yml"
CITATION, CHANGELOG = ROOT / "CITATION.cff", ROOT / "CHANGELOG.md"


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("schema", "paths"),
    [
        ("citation-file-format", [CITATION]),
        ("github-issue-forms", FORMS),
        ("github-issue-config", [CONFIG]),
        ("github-workflows", sorted(ROOT.glob(".github/workflows/*.yml"))),
        ("dependabot", [ROOT / ".github" / "dependabot.yml"]),
    ],
)
def test_it_keeps_to_the_published_schema(schema, paths):
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}"]
    result = subprocess.run([*command, *paths], capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr


def test_there_is_a_form_for_each_kind_of_report():
    names = [YAML(typ="safe").load(form)["name"] for form in FORMS]
    assert names == ["A sentence that misled me", "A number that differs", "An exercise", "A bug"]


def test_citation_and_changelog_name_the_same_newest_version():
    newest = re.search(
        r"^## \[(\d+\.\d+\.\d+)\] - \d{4}-\d\d-\d\d$", CHANGELOG.read_text(encoding="utf-8"), re.MULTILINE
    )
    assert YAML(typ="safe").load(CITATION)["version"] == newest[1]


@pytest.mark.parametrize(
    "path", [CITATION, CHANGELOG, CONFIG, ROOT / "docs" / "teaching" / "hub.md"], ids=lambda p: p.name
)
def test_the_address_is_that_in_pyproject(path):
    addresses = re.findall(r"https://github\.com/[\w-]+/[\w-]+", path.read_text(encoding="utf-8"))
    assert set(addresses) == {links.repository_address()}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_to_a_file_leads_to_one(path):
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", path.read_text(encoding="utf-8")):
        assert (path.parent / target).exists(), target


def test_the_licences_are_whole():
    assert (ROOT / "LICENSE").read_text(encoding="utf-8").startswith("MIT License")
    content = (ROOT / "LICENSE-CONTENT").read_text(encoding="utf-8")
    assert content.startswith("Attribution 4.0 International")
    assert re.findall(r"^Section (\d) -- ", content, re.MULTILINE) == list("12345678")
