# methods/ and nets/ lie in no package: this folder is the workspace
mer-bench run --suite smoke --accelerator cpu --method halves --method halves-wide --method majority
mer-bench leaderboards
mer-bench compare halves halves-wide --protocol mine-synthetic-smic-3 --csv | grep difference,
