import pytest
from rich.table import Table

from benchmark.commands.options import open_console


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
