"""What ``mer-bench`` can be asked, one file per group of commands: flags in, one clear answer out."""
