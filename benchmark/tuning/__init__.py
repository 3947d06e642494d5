"""Optuna inside the training subjects of each fold, or on the tested folds, under a name that says so."""
