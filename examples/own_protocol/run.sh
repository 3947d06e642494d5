# other classes of a known database, held out by subject and by a fixed split
mer-bench run --suite smoke --accelerator cpu --protocol surprise.yaml --protocol split.yaml \
    --method majority --method linear-svm
# from here on the records say what the protocols are, and the files could go
mer-bench audit records
mer-bench compare --records records --protocol synthetic-surprise
mer-bench compare --records records --protocol synthetic-split --csv | grep difference,
