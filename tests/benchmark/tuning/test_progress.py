"""Progress counts trials of all studies."""

import io
import time

from rich.console import Console

from benchmark.tuning.progress import TrialProgress
from benchmark.tuning.search import say_progress


def test_progress_counts_trials_of_all_studies_and_the_time_that_is_left(tmp_path):
    say_progress(tmp_path, "smic/s01", 5)
    text = io.StringIO()
    shown = TrialProgress(Console(file=text, width=200), folds=3, trials=15, folder=tmp_path)
    with shown:
        say_progress(tmp_path, "smic/s02", 2)
        say_progress(tmp_path, "smic/s01", 4)
        say_progress(tmp_path, "smic/s01", 6)
        wait_until(lambda: "8/15" in shown.line(0))
        shown.fold_done()
        # three trials took a minute, seven are left
        assert shown.line(60) == "1/3 folds, 8/15 trials, about 2 min left"
        shown._last_line -= 60
        say_progress(tmp_path, "smic/s03", 1)
        wait_until(lambda: "1/3 folds, 9/15 trials" in text.getvalue())


def wait_until(happened, patience=20):
    end = time.monotonic() + patience
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.05)
