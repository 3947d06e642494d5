"""The parser of the command line: what is wrong is one line, which says what was meant."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any, NoReturn

from benchmark.places import VARIABLE
from mer_lightning.mistakes import unknown

if TYPE_CHECKING:
    from collections.abc import Sequence


class Parser(argparse.ArgumentParser):
    """One whose flags are spelt out, and whose mistakes are one line."""

    def __init__(self, **settings: Any) -> None:  # noqa: ANN401 - those of its base
        super().__init__(**settings)
        self.allow_abbrev = False
        # that of the command, where it has commands of its own
        self.set_defaults(parser=self)
        # for the help alone: it is read before the commands are known, whose defaults lie in it
        self.add_argument(
            "--workspace",
            metavar="DIR",
            help=f"where runs, records and boards lie (default: {VARIABLE}, then the current folder)",
        )

    def read(self, words: Sequence[str] | None) -> argparse.Namespace:
        """Parse, and say of a word that nothing takes which flag of the command was meant.

        Args:
            words: The command line; that of the program when None.
        """
        arguments, strange = self.parse_known_args(words)
        if strange:
            parser: Parser = arguments.parser
            # a flag that is misspelt takes its value with it
            word = strange[0].partition("=")[0]
            if word.startswith("-"):
                flags = [flag for flag in parser._option_string_actions if flag.startswith("--")]
                parser.error(unknown("flag", word, flags))
            parser.error(f"'{word}' is one word too many")
        return arguments

    def error(self, message: str) -> NoReturn:
        """Say it in one line and end with status 2."""
        message = message.removeprefix("argument COMMAND: ")
        print(f"{self.prog}: {' '.join(message.split())}; see {self.prog} --help", file=sys.stderr)
        sys.exit(2)

    def _check_value(self, action: argparse.Action, value: object) -> None:
        choices = action.choices
        if choices is not None and value not in choices:
            noun = "command" if action.metavar == "COMMAND" else "value"
            raise argparse.ArgumentError(action, unknown(noun, str(value), [str(choice) for choice in choices]))
