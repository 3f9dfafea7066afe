"""Patterns choose what their documentation says."""

from __future__ import annotations

import pytest

from wellread.sources.globs import PathRules


@pytest.mark.parametrize(
    ("pattern", "wanted", "unwanted"),
    [
        ("**/*", ["a", "a/b", "a/b/c"], []),
        ("*.md", ["a.md", "x/a.md"], ["a.mdx", "a.md/b"]),
        ("docs/*.md", ["docs/a.md"], ["a.md", "docs/x/a.md", "x/docs/a.md"]),
        ("docs/**/*.md", ["docs/a.md", "docs/x/y/a.md"], ["docs2/a.md", "a.md"]),
        ("docs/**", ["docs/a", "docs/x/a"], ["docs", "docs2/a"]),
        ("docs/", ["docs/a", "x/docs/a"], ["docs"]),
        ("/top/*.md", ["top/a.md"], ["x/top/a.md"]),
        ("a?c", ["abc"], ["ac", "a/c"]),
        ("[ab]*.txt", ["a1.txt", "b.txt"], ["c.txt"]),
        ("[!ab].txt", ["c.txt"], ["a.txt", "/.txt"]),
        ("[]x].txt", ["].txt", "x.txt"], ["a.txt"]),
        ("[unclosed", ["[unclosed"], ["u"]),
        ("a.b+c(d)", ["a.b+c(d)"], ["axb+c(d)", "a.bbc(d)"]),
        ("*.TXT", ["a.TXT"], ["a.txt"]),
        ("line*", ["line\nbreak"], []),
    ],
)
def test_a_pattern_chooses(pattern: str, wanted: list[str], unwanted: list[str]) -> None:
    rules = PathRules(include=(pattern,), exclude=())
    assert [key for key in wanted if not rules.wants(key)] == []
    assert [key for key in unwanted if rules.wants(key)] == []


def test_exclude_wins_over_include() -> None:
    rules = PathRules(include=("**/*.md",), exclude=("drafts/**", "secret*"))
    assert [key for key in ("a.md", "drafts/a.md", "x/secret.md") if rules.wants(key)] == ["a.md"]


def test_only_folders_that_are_excluded_as_a_whole_are_pruned() -> None:
    rules = PathRules(include=("**/*",), exclude=("drafts/**", "**/cache/**", "build/", "logs/*.txt"))
    pruned = [key for key in ("drafts", "x/cache", "build", "x/build", "logs", "a") if rules.prunes(key)]
    assert pruned == ["drafts", "x/cache", "build", "x/build"]
