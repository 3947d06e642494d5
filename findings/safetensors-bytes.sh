#!/usr/bin/env bash
# The same tensors with the same metadata do not give the same safetensors file: keys of the metadata are written in an
# order that changes from call to call, so that a hash of a file of weights is no witness of the weights. With one key,
# or none, the bytes are the same every time. Exit 1: it changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check numpy==2.4.6 safetensors==0.8.0
cat >show.py <<'PYTHON'
import safetensors
import numpy as np
from safetensors.numpy import load, save

tensors = {"weight": np.arange(6, dtype=np.float32).reshape(2, 3), "bias": np.zeros(2, dtype=np.float32)}
for keys in (0, 1, 2, 4):
    said = {f"key{number}": "value" for number in range(keys)} or None
    files = [save(tensors, said) for _ in range(200)]
    different = len(set(files))
    equal = all(np.array_equal(load(one)[name], value) for one in set(files) for name, value in tensors.items())
    print("safetensors", safetensors.__version__, "keys of metadata:", keys, "different files of 200:", different, "equal tensors:", equal)
    assert equal
    assert (different > 1) == (keys > 1)
PYTHON
venv/bin/python show.py
