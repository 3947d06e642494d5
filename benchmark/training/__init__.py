"""From a plan to records: what is missing is trained, here or in workers."""
