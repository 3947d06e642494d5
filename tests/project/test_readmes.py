"""Both READMEs are one page in two languages, and name what there is."""

import re
from pathlib import Path

import pytest

from benchmark.__main__ import make_parser
from tools.docs_site import command_helps

PROJECT = Path(__file__).parents[2]
ENGLISH, CHINESE = (PROJECT / name for name in ("README.md", "README.zh.md"))
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# pages that show commands to somebody who will type them
PAGES = [
    ENGLISH,
    CHINESE,
    *sorted((PROJECT / "docs" / "how-to").glob("*.md")),
    *(PROJECT / "docs/tutorials").glob("*.md"),
]
OTHER_LANGUAGE = {"README.md", "README.zh.md"}


def blocks(path):
    """Language and lines of every block of code; of a shell's lines what names no file."""
    found = []
    for language, code in FENCE.findall(path.read_text(encoding="utf-8")):
        lines = [line.split("  #")[0].split("    #")[0].rstrip() for line in code.splitlines()]
        found.append((language, lines if language else [shell(line) for line in lines]))
    return found


def shell(line):
    return [word for word in line.split() if word.isascii() and (word[0] in "-." or word in {"make", "bench", "test"})]


def prose(path):
    return FENCE.sub("", path.read_text(encoding="utf-8"))


def headings(path):
    return [len(marks) for marks in re.findall(r"^(#+) ", prose(path), re.MULTILINE)]


def tables(path):
    """Columns and rows of every table."""
    return [
        (len(re.split(r"(?<!\\)\|", table.splitlines()[0])) - 2, len(table.splitlines()) - 2)
        for table in re.findall(r"(?:^\|.*\n)+", prose(path), re.MULTILINE)
    ]


def links(path):
    return [link for link in re.findall(r"\]\(([^)]+)\)", prose(path)) if link not in OTHER_LANGUAGE]


class TestReadmes:
    @pytest.mark.parametrize("part", [headings, blocks, tables, links], ids=lambda part: part.__name__)
    def test_english_and_chinese_have_the_same(self, part):
        found = part(ENGLISH)
        assert found
        assert part(CHINESE) == found

    @pytest.mark.parametrize("path", [ENGLISH, CHINESE], ids=lambda path: path.name)
    def test_every_link_leads_to_a_file(self, path):
        there = [link.split("#")[0] for link in links(path) if not link.startswith("#")]
        assert [link for link in there if not (PROJECT / link).exists()] == []

    @pytest.mark.parametrize("path", [ENGLISH, CHINESE], ids=lambda path: path.name)
    def test_their_python_runs(self, path):
        code = "\n".join(
            code for language, code in FENCE.findall(path.read_text(encoding="utf-8")) if language == "python"
        )
        given = {}
        exec(code, given)
        assert len(given["data"].predict_dataloader().rows) == len(given["fold"].test)

    def test_they_lead_to_each_other(self):
        assert "](README.zh.md)" in prose(ENGLISH)
        assert "](README.md)" in prose(CHINESE)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_the_commands_that_a_page_shows_are_there_with_their_flags(path):
    helps = dict(command_helps(make_parser()))
    shown = re.findall(r"mer-bench ([a-z][^`\n|#]*)", path.read_text(encoding="utf-8"))
    for line in shown:
        words = line.split()
        name = max((n for n in (f"mer-bench {' '.join(words[:k])}" for k in (1, 2)) if n in helps), key=len, default="")
        assert name, f"mer-bench {line}: no such command"
        flags = {word.split("=")[0].rstrip(",;") for word in words if re.match(r"--[a-z]", word)}
        assert flags - {"--help"} <= {*re.findall(r"--[a-z][a-z0-9-]*", helps[name])}, line
