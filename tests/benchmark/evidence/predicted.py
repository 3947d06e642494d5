"""Files of predictions, made of records of runs."""

import csv

from benchmark.evidence.prediction_table import HEADER


def write_predictions(path, record, change=lambda rows: rows):
    """One row per clip of a record; nobody knows their names, so that they are numbered."""
    rows = [
        (*person.split("/"), f"clip{n}", record.classes[label], record.classes[guess])
        for person, matrix in record.confusion.items()
        for n, (label, guess) in enumerate(
            (i, j) for i, row in enumerate(matrix) for j, count in enumerate(row) for _ in range(count)
        )
    ]
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([HEADER, *change(rows)])
    return path


def write_about(path, **changes):
    values = {
        "name": "their-net",
        "title": "Their Net",
        "authors": "A. Author",
        "selection": "unknown",
        "input": "flow",
    } | changes
    path.write_text("".join(f"{key}: {value}\n" for key, value in values.items() if value is not None))
    return path
