"""Networks, one torch-only file per architecture: representation in, logits out."""
