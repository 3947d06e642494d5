import pytest
from rich.table import Table

from benchmark.__main__ import main
from benchmark.commands.options import chosen_metrics, metrics_option
from benchmark.commands.output import open_console
from mer_lightning.metrics import METRICS, shown_metrics
from mer_lightning.types import DataError


def names(*flags):
    return [metric.name for metric in chosen_metrics(metrics_option().parse_args(flags))]


def test_metrics_are_those_of_every_table_unless_chosen():
    assert names() == [metric.name for metric in shown_metrics()]
    assert names("--metrics", "all") == [metric.name for metric in METRICS]
    assert names("--metrics", "mcc, uf1,mcc") == ["mcc", "uf1"]


@pytest.mark.parametrize("text", ["uf2", "uf1,", "uf1,all", ""])
def test_a_metric_that_is_none_is_one_line_with_the_names(text):
    says = r"^--metrics: metric '\w*' is unknown; (did you mean .*\? )?expected one of accuracy, uf1, uar, .*, or all$"
    with pytest.raises(DataError, match=says):
        names("--metrics", text)


@pytest.mark.parametrize("text", ["[red]", "[/x]", "a [bold]b[/bold]", ":warning:"])
def test_brackets_and_colons_in_a_name_are_printed_as_they_are(text, capsys):
    table = Table("name")
    table.add_row(text)
    open_console().print(text, table)
    said, shown = capsys.readouterr().out.split("\n", maxsplit=1)
    assert said == text
    assert text in shown


def test_whoever_has_stopped_reading_is_told_by_the_error(monkeypatch):
    class Gone:
        encoding = "utf-8"

        def write(self, _):
            raise BrokenPipeError

        def flush(self):
            raise BrokenPipeError

        def isatty(self):
            return False

    with pytest.raises(BrokenPipeError):
        open_console(file=Gone()).print("a line")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (
            ["run", "--suite", "smoke", "--confusion", "--json"],
            "--confusion: prints matrices for people, --json has",
        ),
        (["run", "--suite", "smoke", "--confusion", "--csv"], "--confusion: prints matrices for people, --csv has no"),
        (["run", "--suite", "smoke", "--metrics", "uf1", "--json"], "--metrics: --json has every score"),
        (["compare", "--protocol", "megc2019", "--metrics", "uf1", "--json"], "--metrics: --json has every score"),
        (["run", "--jobs", "1000000000"], "argument --jobs: expected a whole number of at most 4096"),
        (["run", "--jobs", "9" * 5000], "argument --jobs: expected a whole number of at least 1"),
        (["data", "verify", "a", "--data", "b"], "--data b: the path a is given"),
        (["data", "synth", "out", "--database", "samm", "--subjects", "99999999999"], "release samm-v2 has "),
        (
            [
                "tune",
                "--method",
                "linear-svm",
                "--protocol",
                "smic-3",
                "--trials",
                "1",
                "--mode",
                "global",
                "--inner-folds",
                "3",
            ],
            "--inner-folds: --mode global scores the tested folds and has none",
        ),
    ],
)
def test_a_flag_without_effect_is_refused_in_one_line(words, says, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    try:
        status = main(words)
    except SystemExit as stopped:
        status = stopped.code
    assert status == 2
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1
