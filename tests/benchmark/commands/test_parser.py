"""A mistake on the command line is one line that says what was meant."""

import pytest

from benchmark.__main__ import main
from mer_lightning import __version__


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["rum"], "mer-bench: command 'rum' is unknown; did you mean run"),
        (["run", "--sead", "1"], "mer-bench run: flag '--sead' is unknown; did you mean --seed? "),
        (["run", "--sead=1"], "mer-bench run: flag '--sead' is unknown; did you mean --seed? "),
        (["run", "extra"], "mer-bench run: 'extra' is one word too many; "),
        (["run", "--see", "1"], "mer-bench run: flag '--see' is unknown; did you mean --seed? "),
        (["data", "verfy"], "mer-bench data: command 'verfy' is unknown; did you mean verify? "),
        (
            ["data", "synth", "out", "--database", "smik"],
            "argument --database: value 'smik' is unknown; did you mean smic? ",
        ),
        (["run", "--executor", "Local"], "argument --executor: value 'Local' is unknown; did you mean local? "),
        (["tune", "--method", "ststnet"], "mer-bench tune: the following arguments are required: --protocol, --trials"),
        (["run", "--json", "--csv"], "mer-bench run: argument --csv: not allowed with argument --json"),
        ([], "mer-bench: the following arguments are required: COMMAND"),
    ],
)
def test_a_mistake_is_one_line(words, says, capsys):
    with pytest.raises(SystemExit) as ended:
        main(words)
    said = capsys.readouterr()
    assert ended.value.code == 2
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert says in said.err
    assert said.err.endswith("--help\n")


def test_the_version_is_that_of_the_distribution(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"mer-bench {__version__}\n"
