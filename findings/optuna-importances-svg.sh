#!/usr/bin/env bash
# Optuna's matplotlib picture of importances is drawn with a backend of pixels only: with the svg or pdf backend, which
# matplotlib offers for just that, it ends in a bare AssertionError, while the other pictures are drawn. Exit 1: it changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check matplotlib==3.11.2 optuna==5.0.0 scikit-learn==1.9.1
cat >show.py <<'PYTHON'
import sys
import warnings

import matplotlib
import optuna

matplotlib.use(sys.argv[1])
from optuna.visualization import matplotlib as drawn

warnings.simplefilter("ignore")
optuna.logging.set_verbosity(optuna.logging.ERROR)
study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
study.optimize(lambda trial: trial.suggest_float("x", 0, 1) + 0.1 * trial.suggest_float("y", 0, 1), n_trials=20)
found = {}
for plot in (drawn.plot_optimization_history, drawn.plot_slice, drawn.plot_param_importances):
    try:
        plot(study)
        found[plot.__name__] = "drawn"
    except AssertionError as error:
        found[plot.__name__] = f"AssertionError {error}".strip()
print("Optuna", optuna.__version__, "matplotlib", matplotlib.__version__, "backend", sys.argv[1], found)
expected = "drawn" if sys.argv[1] == "agg" else "AssertionError"
assert found == dict.fromkeys(found, "drawn") | {"plot_param_importances": expected}
PYTHON
for backend in agg svg pdf; do venv/bin/python show.py "$backend"; done
