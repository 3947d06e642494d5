"""Where the network looked that predicted one held-out sample."""
