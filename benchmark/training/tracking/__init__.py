"""The mirror of finished runs in W&B, and the workspace that shows them."""
