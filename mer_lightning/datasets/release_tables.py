"""The annotation releases and their corrections as Markdown tables, for the documentation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mer_lightning.datasets.releases import releases

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Sequence

    from mer_lightning.datasets.annotation import AnnotationRelease


def corrections_table(databases: Container[str]) -> str:
    """Every correction of these databases."""
    rows: dict[str, list[str]] = {}
    for release in _releases(databases):
        for one in release.corrections:
            value = {"frames": "nearest frame"}.get(one.field, "not annotated" if one.value is None else str(one.value))
            clip = "any" if one.clip == "*" else one.clip
            switch = "on" if one.default else "off"
            rows.setdefault(one.name, [f"`{one.name}`", switch, clip, one.field, one.when, value, one.reason])
    return _table(["correction", "default", "clip", "field", "where it is", "becomes", "reason"], rows.values())


def releases_table(databases: Container[str]) -> str:
    """Every release of these databases: where its coding lies, what it counts to, what is odd, and what is done."""
    header = ["database", "release", "file", "rows", "clips per class", "objective I to VII", "what is odd"]
    return _table(header, [_row(release) for release in _releases(databases)])


def _releases(databases: Container[str]) -> list[AnnotationRelease]:
    return [release for release in releases().values() if release.database in databases]


def _row(release: AnnotationRelease) -> list[str]:
    clips = str(release.clips) if release.subjects is None else f"{release.clips} of {release.subjects} subjects"
    counts = _counts(release.counts.items()) or "not stated by the source"
    parts = f"; {_counts(release.parts.items())}" if release.parts else ""
    odd = list(release.notes)
    single = [one for one in release.corrections if one.clip != "*"]
    for what, default in (("corrected", True), ("kept as it is", False)):
        if names := [f"`{one.name}`" for one in single if one.default is default]:
            odd.append(f"{what}: {', '.join(names)}")
    if release.unlabelled:
        odd.append(f"folders that may have no row: {', '.join(release.unlabelled)}")
    objective = ", ".join(str(count) for count in release.objective.values()) or "–"
    return [
        f"`{release.database}`",
        f"`{release.name}`",
        release.file,
        clips,
        f"{counts}{parts}",
        objective,
        "; ".join(odd) or "–",
    ]


def _counts(counts: Iterable[tuple[str, int]]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts)


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (header, ["---"] * len(header), *rows))
