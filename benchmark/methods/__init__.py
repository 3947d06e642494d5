"""What a method is, and on which samples it runs: recipes, suites, and where data lies."""
