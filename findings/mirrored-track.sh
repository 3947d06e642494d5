#!/usr/bin/env bash
# A track matrix that mirrors left and right is taken for half a turn by decord and OpenCV, and by the angle that PyAV
# reports; only the matrix itself tells. Exit 1: one of them changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check \
  av==18.1.0 decord==0.6.0 numpy==2.4.6 opencv-python-headless==5.0.0.93
cat >show.py <<'PYTHON'
import av
import cv2
import decord
import numpy as np

# dark above left, then clockwise brighter
stored = np.array([[20, 90], [230, 160]], np.uint8).repeat(48, axis=0).repeat(64, axis=1)
with av.open("mirror.mp4", "w") as container:
    stream = container.add_stream("libx264", rate=25)
    stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
    # x' = 128 - x, y' = y, as cameras for selfies write it
    stream.set_display_matrix([-1 << 16, 0, 0, 0, 1 << 16, 0, 128 << 16, 0, 1 << 30])
    for _ in range(3):
        container.mux(stream.encode(av.VideoFrame.from_ndarray(np.dstack([stored] * 3), format="rgb24")))
    container.mux(stream.encode(None))


def corners(picture):
    return [[int(10 * round(value / 10)) for value in row] for row in picture[24::48, 32::64, 0]]


with av.open("mirror.mp4") as container:
    frame = next(container.decode(video=0))
matrix = np.frombuffer(bytes(frame.side_data.get("DISPLAYMATRIX")), np.int32).reshape(3, 3)
seen = {
    "PyAV": corners(frame.to_ndarray(format="rgb24")),
    "decord": corners(decord.VideoReader("mirror.mp4")[0].asnumpy()),
    "OpenCV": corners(cv2.VideoCapture("mirror.mp4").read()[1]),
}
print("PyAV", av.__version__, "decord", decord.__version__, "OpenCV", cv2.__version__)
print("stored", stored[24::48, 32::64].tolist(), "to be shown", stored[24::48, 32::64][:, ::-1].tolist())
print(seen)
print("matrix, first two rows", matrix[:2, :2].tolist(), "but rotation", frame.rotation)
assert seen["PyAV"] == [[20, 90], [230, 160]]
assert seen["decord"] == seen["OpenCV"] == [[160, 230], [90, 20]]
assert frame.rotation == -180
assert (np.sign(matrix[:2, :2]) == [[-1, 0], [0, 1]]).all()
PYTHON
venv/bin/python show.py
