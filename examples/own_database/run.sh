python draw.py
mer-bench data index clips
# the place to fill in what folders do not tell: onset, apex and offset, or labels
mer-bench data verify clips/clips.csv
mer-bench new database mylab --data clips
mer-bench run --suite mylab --data clips --plan
mer-bench run --suite mylab --data clips --accelerator cpu --method majority --method linear-svm
mer-bench audit records
mer-bench compare --records records --protocol synthetic-mylab --csv | grep difference,
