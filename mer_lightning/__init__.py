"""The library: how one fold is read, represented, trained and predicted."""
