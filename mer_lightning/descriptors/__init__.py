"""Methods without gradient steps: hand-crafted features and the estimators on top of them."""
