"""The application: which folds to train, and what the numbers mean together."""
