"""Speed, measured: ours beside the reference in one run, with the ratio."""
