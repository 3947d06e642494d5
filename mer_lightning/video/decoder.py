"""The process that decodes one video file: ``decoder.py VIDEO TARGET.npy MOST_BYTES``.

It imports nothing of the package, so that it starts fast and can be killed without loss. The last line of its
output is a JSON object with ``frames`` or ``error``.
"""

from __future__ import annotations

import json
import sys

BATCH = 32


def decode(video: str, target: str, most_bytes: int) -> int:
    """Decode every frame into a new ``.npy`` file, ``(T, H, W, 3)`` RGB, uint8.

    Returns:
        Number of frames.

    Raises:
        ValueError: No frame, or more bytes than allowed.
        RuntimeError: decord cannot read the file.
    """
    import decord
    import numpy as np

    # one thread decodes a clip as fast and keeps clips parallel instead
    reader = decord.VideoReader(video, ctx=decord.cpu(0), num_threads=1)
    frames = len(reader)
    if frames == 0:
        raise ValueError("no frame in it")
    shape = (frames, *reader[0].shape)
    if int(np.prod(shape, dtype=np.int64)) > most_bytes:
        raise ValueError(f"{shape} exceeds {most_bytes} bytes")
    clip = np.lib.format.open_memmap(target, mode="w+", dtype=np.uint8, shape=shape)
    for start in range(0, frames, BATCH):
        stop = min(start + BATCH, frames)
        clip[start:stop] = reader.get_batch(list(range(start, stop))).asnumpy()
    clip.flush()
    return frames


def main(arguments: list[str]) -> int:
    """Decode and report; every failure becomes one JSON line and exit code 1."""
    video, target, most_bytes = arguments
    try:
        frames = decode(video, target, int(most_bytes))
    except Exception as error:  # the parent has to name the file, whatever went wrong
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        sys.stdout.write(json.dumps({"error": reason}) + "\n")
        return 1
    sys.stdout.write(json.dumps({"frames": frames}) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
