"""``mer-bench compare, ranks, check-claim, audit``: how sure a score is, and whether it can be true at all."""

from __future__ import annotations

import argparse
import json
import re
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table as Columns

from benchmark.commands.options import answer_options, chosen_metrics, metrics_option
from benchmark.commands.output import open_console, print_csv, print_table
from benchmark.places import SHIPPED, workspace
from benchmark.records.board_names import contributed, mine
from mer_lightning.mistakes import meant
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from benchmark.commands.options import Commands
    from benchmark.evidence.comparisons import Comparison, Paired
    from benchmark.records.run import RunRecord
    from mer_lightning.metrics import Metric

_LARGEST = 6


def add_evidence_commands(commands: Commands) -> None:
    """Register the commands; every one sets ``handler``, which gives the exit code."""
    places = argparse.ArgumentParser(add_help=False)
    places.add_argument(
        "--records", type=Path, metavar="DIR", help="these alone (default: mine, beside those that are shipped)"
    )
    compared = commands.add_parser(
        "compare", parents=[places, metrics_option(), answer_options()], help="compare methods under one protocol"
    )
    compared.add_argument("methods", nargs="*", help="two or more methods (default: all of the protocol)")
    compared.add_argument("--protocol", required=True, help="a leaderboard, e.g. megc2019 or synthetic-megc2019")
    compared.set_defaults(handler=_compare)

    ranks = commands.add_parser(
        "ranks", parents=[places, answer_options()], help="average ranks of methods over protocols"
    )
    ranks.add_argument(
        "--protocol", action="append", default=[], help="repeatable (default: every real one of a single database)"
    )
    ranks.add_argument("--svg", type=Path, help="also draw the critical-difference diagram into this file")
    ranks.set_defaults(handler=_ranks)

    claim = commands.add_parser(
        "check-claim", help="can printed scores be true? exit 1 where they cannot, 3 where the search was given up"
    )
    claim.add_argument("--counts", help="true samples of each class, e.g. 92,26,15; the clips alone for an accuracy")
    claim.add_argument("--protocol", help="instead of --counts: a protocol")
    claim.add_argument("--database", help="with --protocol: one database of it")
    claim.add_argument("--uf1", help="as printed: the number of digits counts")
    claim.add_argument("--uar", help="as printed")
    claim.add_argument("--accuracy", help="as printed; 70.41%% for percent")
    claim.add_argument("--json", action="store_true", help="for programs")
    claim.set_defaults(handler=_check_claim)

    audited = commands.add_parser(
        "audit", parents=[answer_options()], help="check the folds of every run again; exit 1 where one is not clean"
    )
    audited.add_argument(
        "folder",
        type=Path,
        nargs="*",
        help="a store or records (default: mine, and those that are shipped)",
    )
    audited.set_defaults(handler=_audit)


def _compare(arguments: argparse.Namespace) -> int:
    from benchmark.evidence.comparisons import compare_methods, holm
    from benchmark.evidence.resampling import RESAMPLES
    from benchmark.evidence.statistics import bootstrap, influence, over_seeds, stack_runs

    metrics = chosen_metrics(arguments)
    records = _load(arguments.records)
    runs = _runs(records, arguments.protocol)
    methods: list[str] = list(dict.fromkeys(arguments.methods)) or [
        method for method, found in runs.items() if all(run.complete for run in found)
    ]
    if missing := next((method for method in methods if method not in runs), None):
        raise DataError(
            f"method '{missing}' has no record under {arguments.protocol}; "
            f"{_elsewhere(missing, runs, records) or meant(missing, runs)}found {', '.join(runs)}"
        )
    if len(methods) < 2:
        raise DataError(f"{arguments.protocol}: comparing needs two methods, found {', '.join(methods) or 'none'}")
    stacks = {method: stack_runs(runs[method]) for method in methods}
    people = sorted(runs[methods[0]][0].confusion)
    compared = compare_methods({method: runs[method] for method in methods})
    adjusted = holm([result.p for _, result in compared.values()])
    body: dict[str, Any] = {
        "protocol": arguments.protocol,
        "subjects": len(people),
        "resamples": RESAMPLES,
        "methods": {
            method: {
                "seeds": [run.seed for run in runs[method]],
                "scores": {name: {"mean": s.mean, "sd": s.spread} for name, s in over_seeds(stack).items()},
                "intervals": {name: [i.low, i.high] for name, i in bootstrap(stack).items()},
                "without": [
                    {"subject": i.subject, "clips": i.clips, "share": i.share, "scores": dict(i.scores)}
                    for i in influence(stack, people, _LARGEST)
                ],
            }
            for method, stack in stacks.items()
        },
        "comparisons": [
            _comparison(*names, paired, result, p)
            for (names, (paired, result)), p in zip(compared.items(), adjusted, strict=True)
        ],
    }
    if arguments.json:
        print(json.dumps(body, indent=1))
    elif arguments.csv:
        print_csv(_CSV_OF_COMPARE, _comparison_rows(body, metrics))
    else:
        _print_comparison(body, metrics)
    return 0


_CSV_OF_COMPARE = ("kind", "method", "other", "seeds", "score", "mean", "sd", "low", "high", "p", "p_holm")


def _comparison_rows(body: Mapping[str, Any], metrics: Sequence[Metric]) -> Iterator[Sequence[object]]:
    """Scores of each method, then differences between two of them."""
    for method, own in body["methods"].items():
        for name in (metric.name for metric in metrics):
            score, interval = own["scores"][name], own["intervals"][name]
            seeds = " ".join(map(str, own["seeds"]))
            yield "score", method, "", seeds, name, score["mean"], score["sd"], *interval, "", ""
    for pair in body["comparisons"]:
        seeds = " ".join(f"{a}-{b}" for a, b in pair["seed_pairs"])
        named = "difference", pair["one"], pair["other"], seeds, "uf1"
        yield *named, pair["uf1_difference"], "", *pair["interval"], pair["p"], pair["p_holm"]


def _comparison(one: str, other: str, paired: Paired, result: Comparison, holm: float) -> dict[str, Any]:
    return {
        "one": one,
        "other": other,
        "uf1_difference": result.difference,
        "interval": [result.interval.low, result.interval.high],
        "p": result.p,
        "p_holm": holm,
        "exact": result.exact,
        "seed_pairs": [list(pair) for pair in paired.seeds],
        "left_out": list(paired.unmatched),
    }


def _print_comparison(body: Mapping[str, Any], metrics: Sequence[Metric]) -> None:
    console = open_console()
    table = Columns("method", "seeds", *(metric.heading for metric in metrics))
    for method, own in body["methods"].items():
        cells = [method, " ".join(map(str, own["seeds"]))]
        for metric in metrics:
            score, (low, high) = own["scores"][metric.name], own["intervals"][metric.name]
            spread = "" if score["sd"] is None else f" ± {score['sd']:.4f}"
            cells.append(f"{score['mean']:.4f}{spread}\n{low:.4f} – {high:.4f}")
        table.add_row(*cells)
    console.print(
        f"{body['protocol']}, {body['subjects']} subjects; mean ± over seeds, below it the 95 % interval over subjects"
    )
    print_table(console, table)
    table = Columns("UF1 difference", "mean", "95 % interval", "p", "p, Holm", "seeds paired")
    for pair in body["comparisons"]:
        left = f"; without {', '.join(pair['left_out'])}" if pair["left_out"] else ""
        table.add_row(
            f"{pair['one']} − {pair['other']}",
            f"{pair['uf1_difference']:+.4f}",
            f"{pair['interval'][0]:+.4f} – {pair['interval'][1]:+.4f}",
            f"{pair['p']:.4f}",
            f"{pair['p_holm']:.4f}",
            ", ".join(f"{a}–{b}" for a, b in pair["seed_pairs"]) + left,
        )
    print_table(console, table)
    console.print("p: swapping whole subjects between the two; several seeds are paired one by one and averaged")
    first = next(iter(body["methods"].values()))
    table = Columns("UF1 without", "clips", "share", *body["methods"])
    for row, one in enumerate(first["without"]):
        scores = [f"{own['without'][row]['scores']['uf1']:.4f}" for own in body["methods"].values()]
        table.add_row(one["subject"], str(one["clips"]), f"{one['share']:.1%}", *scores)
    print_table(console, table)


def _ranks(arguments: argparse.Namespace) -> int:
    from benchmark.boards.figures import draw_ranks
    from benchmark.evidence.statistics import average_ranks, over_seeds, stack_runs

    records = _load(arguments.records)
    boards: list[str] = list(dict.fromkeys(arguments.protocol)) or sorted(
        {r.shown_on for r in records if len(r.databases) == 1 and not r.data.synthetic}
    )
    runs = {board: _runs(records, board) for board in boards}
    complete = {
        board: {m for m, own in found.items() if all(r.complete and not r.unranked for r in own)}
        for board, found in runs.items()
    }
    methods = sorted(set[str].intersection(*complete.values())) if complete else []
    uf1 = [[over_seeds(stack_runs(runs[board][m]))["uf1"].mean for m in methods] for board in boards]
    if len(boards) < 2 or len(methods) < 3:
        raise DataError(
            f"ranks need three methods that are complete under two protocols; found {', '.join(methods) or 'none'} "
            f"under {', '.join(boards) or 'none'}"
        )
    ranks = average_ranks(uf1)
    titles = [runs[boards[0]][method][0].shown_title for method in methods]
    if arguments.svg is not None:
        arguments.svg.write_text(draw_ranks(ranks, titles), encoding="utf-8")
    if arguments.json:
        body = {
            "protocols": boards,
            "average_rank": dict(zip(methods, ranks.average, strict=True)),
            "friedman_p": ranks.p,
            "critical_difference": ranks.critical_difference,
        }
        print(json.dumps(body, indent=1))
        return 0
    order = sorted(range(len(methods)), key=lambda i: ranks.average[i])
    if arguments.csv:
        rows = ([methods[i], ranks.average[i], *(row[i] for row in uf1)] for i in order)
        print_csv(["method", "average_rank", *boards], rows)
        return 0
    table = Columns("method", "average rank", *boards)
    for i in order:
        table.add_row(methods[i], f"{ranks.average[i]:.2f}", *(f"{row[i]:.4f}" for row in uf1))
    console = open_console()
    print_table(console, table)
    console.print(
        f"critical difference {ranks.critical_difference:.2f} (Nemenyi, .05), Friedman p = {ranks.p:.4f} over "
        f"{ranks.protocols} protocols; average ranks that lie closer cannot be told apart"
    )
    return 0


def _check_claim(arguments: argparse.Namespace) -> int:
    from benchmark.evidence.claims.printed import PrintedScore
    from benchmark.evidence.claims.verdicts import Claim, check_claim, example_scores

    figures = {
        name: PrintedScore.parse(value)
        for name in ("uf1", "uar", "accuracy")
        if (value := getattr(arguments, name)) is not None
    }
    claim = Claim(_claimed_counts(arguments), **figures)
    verdict = check_claim(claim)
    if arguments.json:
        print(json.dumps({"counts": list(claim.counts)} | asdict(verdict)))
    else:
        least = "" if verdict.complete else "at least "
        noun = "matrix" if verdict.matrices == 1 else "matrices"
        found = f": {least}{verdict.matrices:,} {noun}" if verdict.matrices else ""
        console = open_console()
        console.print(f"{claim}")
        console.print(f"{_WORDS[verdict.answer]}{found}")
        for reason in verdict.reasons:
            console.print(f"  {reason}")
        for matrix in verdict.examples:
            scores = ", ".join(f"{name} {value:.4f}" for name, value in example_scores(matrix).items())
            console.print(f"  {[list(row) for row in matrix]}  {scores}")
    return _STATUS[verdict.answer]


_STATUS = {"possible": 0, "macro-precision": 1, "impossible": 1, "undecided": 3}
_WORDS = {
    "possible": "possible",
    "macro-precision": "impossible as UAR, possible as macro-precision",
    "impossible": "impossible",
    "undecided": "undecided",
}


def _claimed_counts(arguments: argparse.Namespace) -> tuple[int, ...]:
    from benchmark.methods.protocol_files import find_protocol

    if (arguments.counts is None) == (arguments.protocol is None):
        raise DataError("a claim needs either --counts or --protocol")
    if arguments.database is not None and arguments.protocol is None:
        raise DataError(f"--database {arguments.database}: a part of a protocol; expected --protocol, not --counts")
    if arguments.counts is not None:
        parts = arguments.counts.split(",")
        if not all(re.fullmatch(r"\d{1,9}", part.strip()) for part in parts):
            raise DataError(f"--counts '{arguments.counts[:100]}': expected whole numbers and commas, e.g. 92,26,15")
        return tuple(int(part) for part in parts)
    protocol = find_protocol(arguments.protocol)
    if not protocol.counts:
        raise DataError(f"--protocol: {protocol.name} expects no number of clips; give --counts")
    if arguments.database is None:
        return tuple(map(sum, zip(*protocol.counts.values(), strict=True)))
    if arguments.database not in protocol.counts:
        raise DataError(f"--database: {protocol.name} has {', '.join(protocol.counts)}, not {arguments.database}")
    return tuple(protocol.counts[arguments.database])


def _audit(arguments: argparse.Namespace) -> int:
    from benchmark.records.audit import audit_folder

    home = workspace()
    # those of a workspace in which nothing was recorded yet are none
    own = [] if home.is_project or not home.records.exists() else [home.records]
    found = [one for folder in arguments.folder or [*own, SHIPPED / "records"] for one in audit_folder(folder)]
    if arguments.json:
        print(json.dumps([asdict(one) | {"clean": not one.problems} for one in found], indent=1))
    elif arguments.csv:
        rows = ((a.run, a.folds, a.audited, "; ".join(a.problems) or "clean") for a in found)
        print_csv(["run", "folds", "audited", "found"], rows)
    else:
        print(*found, sep="\n")
    return 1 if any(audited.problems for audited in found) else 0


def _load(records: Path | None) -> list[RunRecord]:
    """The records of a folder; without one, a user's beside those that are shipped."""
    from benchmark.records.run import load_runs
    from benchmark.records.shown import load_shown

    if records is None:
        home = workspace()
        return load_shown(home.records, SHIPPED / "records", (SHIPPED / "contributed", home.contributed))
    if not records.is_dir():
        raise DataError(f"--records {records}: no such folder")
    return load_runs(records)


def _elsewhere(method: str, rows: Iterable[str], records: Sequence[RunRecord]) -> str:
    """``"did you mean ...? "`` with the row of a method of this name, or where it has one of the user's clips."""
    if marked := [name for name in (mine(method), contributed(method)) if name in rows]:
        return f"did you mean {' or '.join(marked)}? "
    boards = sorted({run.shown_on for run in records if run.is_mine and run.shown_as == method})
    return f"it has one under {' and '.join(boards)}; " if boards else ""


def _runs(records: Sequence[RunRecord], board: str) -> dict[str, Sequence[RunRecord]]:
    """Runs of each row of a leaderboard, by seed, in name order."""
    found: dict[str, list[RunRecord]] = {}
    for run in records:
        if run.shown_on == board:
            found.setdefault(run.shown_as, []).append(run)
    if not found:
        known = sorted({run.shown_on for run in records})
        raise DataError(f"protocol '{board}' has no record; {meant(board, known)}found {', '.join(known) or 'none'}")
    return {method: sorted(runs, key=lambda run: run.seed) for method, runs in found.items()}
