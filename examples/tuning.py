"""Nested tuning: each fold chooses a learning rate inside its training subjects, and never sees whom it holds out."""

from functools import partial

import optuna

import mer_lightning as mer

MODEL = mer.Component(name="ststnet.STSTNet", arguments={"dropout": 0.5})


def fit(table, fold, lr: float) -> list:
    """Predictions for the held-out samples of a fold, with this learning rate."""
    training = mer.Training(epochs=15, batch_size=16, optimizer=mer.Optimizer(name="adam", lr=lr))
    return [*mer.train_network(mer.Fit(table, fold, accelerator="cpu"), MODEL, training).predictions]


def score(predictions: list) -> float:
    """UF1 of the pooled predictions."""
    truth, guesses = [one.label for one in predictions], [one.prediction for one in predictions]
    return float(mer.uf1(mer.confusion_matrix(truth, guesses, classes=3)))


def inner_score(trial: optuna.Trial, table, folds) -> float:
    """What a trial is worth: its score on the inner folds."""
    lr = trial.suggest_float("lr", 1e-4, 1e-2, log=True)
    return score([one for fold in folds for one in fit(table, fold, lr)])


protocol, dataset = mer.get_protocol("smic-3"), mer.SyntheticFlowComposite(scale=0.25)
samples = protocol.label(dataset)
table = mer.load_table(dataset, samples, 3, mer.get_representation("flow_map"))
optuna.logging.set_verbosity(optuna.logging.WARNING)

predictions = []
for fold in protocol.folds(samples):
    # the table of a trial does not hold the held-out subject: there is nothing to look at by mistake
    inside, inner_folds = table.only(fold.known), protocol.inner_folds(fold, samples, parts=2)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=0))
    study.optimize(partial(inner_score, table=inside, folds=inner_folds), n_trials=4)
    lr = study.best_params["lr"]
    predictions += fit(table, fold, lr)
    print(f"{fold.held_out}: learning rate {lr:.5f}, UF1 of the inner folds {study.best_value:.4f}")

print(f"UF1 {score(predictions):.4f} on {len(predictions)} held-out clips")
