"""A folder that commands take for the project: what it has in ``leaderboards`` is what is shipped."""

from benchmark import places
from benchmark.commands import evidence, leaderboards


def make_project(folder, monkeypatch, documents=()):
    for module, name, value in (
        (places, "PROJECT", folder),
        (places, "SHIPPED", folder / "leaderboards"),
        (evidence, "SHIPPED", folder / "leaderboards"),
        (leaderboards, "PROJECT", folder),
        (leaderboards, "SHIPPED", folder / "leaderboards"),
        (leaderboards, "DOCUMENTS", documents),
    ):
        monkeypatch.setattr(module, name, value)
    monkeypatch.chdir(folder)
