"""What looking at the held-out subject is worth: habits of published code beside the same thing done honestly."""
