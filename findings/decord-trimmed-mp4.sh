#!/usr/bin/env bash
# decord counts the packets that an edit list leaves out, and fills up with the last frame. Exit 1: it no longer does.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check av==18.1.0 decord==0.6.0 numpy==2.4.6
cat >show.py <<'PYTHON'
import av
import decord
import numpy as np

# forty frames of one grey level each, a key frame every ten
levels = [20 + 5 * number for number in range(40)]
with av.open("whole.mp4", "w") as container:
    stream = container.add_stream("libx264", rate=100, options={"g": "10", "bf": "2"})
    stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
    for level in levels:
        picture = np.full((48, 64, 3), level, np.uint8)
        container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
    container.mux(stream.encode(None))

# copy what is needed to show frames 15 to 39: decoding has to begin at the key frame before them, frame 10
with av.open("whole.mp4") as old, av.open("part.mp4", "w") as new:
    stream = old.streams.video[0]
    copy = new.add_stream_from_template(stream)
    shift = int(0.15 / stream.time_base)
    for index, packet in enumerate(old.demux(stream)):
        if packet.size and index >= 10:
            packet.pts, packet.dts, packet.stream = packet.pts - shift, packet.dts - shift, copy
            new.mux(packet)


def numbers(pictures):
    return [int(np.abs(np.array(levels) - picture.mean()).argmin()) for picture in pictures]


with av.open("part.mp4") as container:
    plays = numbers([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])
reader = decord.VideoReader("part.mp4", num_threads=1)
gives = numbers(reader.get_batch(list(range(len(reader)))).asnumpy())
print("decord", decord.__version__, "PyAV", av.__version__)
print("PyAV gives  ", len(plays), plays)
print("decord gives", len(gives), gives)
errors = {}
for limit in (0, 1, 1e-9):
    try:
        reader = decord.VideoReader("part.mp4", num_threads=1, fault_tol=limit)
        reader.get_batch(list(range(len(reader))))
        errors[limit] = False
    except Exception as error:
        errors[limit] = "duplicate" in str(error)
print("an error with fault_tol =", errors)
assert plays == list(range(15, 40))
assert gives == [*range(15, 40), *[39] * 5]
assert errors == {0: False, 1: True, 1e-9: True}
PYTHON
venv/bin/python show.py
