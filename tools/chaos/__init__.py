"""Programs that are killed, doubled, starved of disk and given a clock that jumps, and the records they leave."""
