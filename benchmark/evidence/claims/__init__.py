"""Can printed scores be true? Looked for among all confusion matrices with the given class counts."""
