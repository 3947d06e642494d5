"""The process that decodes one video file: ``decoder.py VIDEO TARGET MOST_BYTES READER``.

``decoder.py --look`` decodes none: of every file whose name it is given, a JSON text a line, it says in a line how many
frames play, and how many a second.

PyAV looks at the file first, which costs milliseconds. What it finds decides who decodes: decord announces every
packet as a frame and repeats the last one for those that an edit list leaves out, takes a mirrored track for one that
is turned, and rounds deep colours its own way; such files, and all that decord fails on, are decoded by PyAV. Of any
other file both give the same bytes. Frames are taken in sequence: by index, decord gives other frames of an AVI with
B-frames and of an HEVC file with open groups of pictures.

It imports nothing of the package, so that it starts fast and can be killed without loss. The last line of its
output is a JSON object with ``shape`` or ``error``.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import av
import numpy as np
from av.error import FFmpegError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from av.container import InputContainer
    from numpy.typing import NDArray

    Frames = NDArray[np.uint8]

BATCH = 32
ANY_REPEAT: Any = 1e-9
"""Share of repeated frames above which decord raises an error; 0 would be no limit, and 1 would be one frame."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a file says of itself.

    Attributes:
        frames: Number of its packets, at least that of the frames that play.
        frame_bytes: Size of a decoded frame.
        skips: True if packets are not to be shown, as in a file that was trimmed without being coded again.
        deep: True if a colour has more than 8 bits.
        matrix: How the picture is shown, ``(a, b, c, d)`` of x' = a x + c y, y' = b x + d y.
        rate: Frames a second on average, None where the file does not say.
    """

    frames: int
    frame_bytes: int
    skips: bool
    deep: bool
    matrix: tuple[int, int, int, int]
    rate: float | None = None

    @property
    def plain(self) -> bool:
        """True if decord gives the frames that play."""
        return not self.skips and not self.deep and self.matrix == (1, 0, 0, 1)


def look_at(video: str) -> Look:
    """Go through the packets of a file and decode its first frame.

    Raises:
        ValueError: No video or no frame in it, cut off inside a frame, or shown at an odd angle.
    """
    frames, skips, first = 0, False, None
    with av.open(video) as container:
        stream = _stream(container)
        rate = stream.average_rate
        for packet in container.demux(stream):
            if packet.size:
                if packet.is_corrupt:
                    raise ValueError(f"the file is cut off inside frame {frames + 1}")
                frames += 1
                skips |= packet.is_discard
            if first is None:
                first = next(iter(packet.decode()), None)
    if first is None:
        raise ValueError("no frame in it")
    return Look(
        frames=frames,
        frame_bytes=first.width * first.height * 3,
        skips=skips,
        deep=any(component.bits > 8 for component in first.format.components),
        matrix=_matrix(first),
        rate=float(rate) if rate else None,
    )


def decode(video: str, target: str, most_bytes: int, reader: str) -> tuple[int, ...]:
    """Write the frames that play into a file, one after the other, ``(H, W, 3)`` RGB, uint8.

    Args:
        video: File to read.
        target: File to write.
        most_bytes: Most that may be written.
        reader: ``decord``, where it is installed and reads the file right, or ``pyav``.

    Returns:
        ``(T, H, W, 3)``.

    Raises:
        ValueError: No frame, or more bytes than allowed.
        FFmpegError: The file cannot be read.
    """
    look = look_at(video)
    if look.frames * look.frame_bytes > most_bytes:
        raise ValueError(f"{look.frames} frames of {look.frame_bytes} bytes: the clip exceeds {most_bytes} bytes")
    if reader == "decord" and look.plain:
        try:
            return _write(_by_decord(video), target, most_bytes)
        except Exception:  # not installed, a repeated frame, an unknown codec, damage: PyAV gives frames or says why
            pass
    return _write(_by_pyav(video, look.matrix), target, most_bytes)


def _by_decord(video: str) -> Iterator[Frames]:
    import decord

    # one thread decodes a clip as fast and keeps clips parallel instead
    reader = decord.VideoReader(video, ctx=decord.cpu(0), num_threads=1, fault_tol=ANY_REPEAT)
    for start in range(0, len(reader), BATCH):
        yield reader.get_batch(list(range(start, min(start + BATCH, len(reader))))).asnumpy()


def _by_pyav(video: str, matrix: tuple[int, int, int, int]) -> Iterator[Frames]:
    with av.open(video) as container:
        stream = _stream(container)
        stream.codec_context.thread_count = 1
        frames = 0
        try:
            for frame in container.decode(stream):
                yield _shown(cast("Frames", frame.to_ndarray(format="rgb24")), matrix)[None]
                frames += 1
        except FFmpegError as error:
            raise ValueError(f"damaged after {frames} frames: {error.strerror}") from None


def _write(batches: Iterator[Frames], target: str, most_bytes: int) -> tuple[int, ...]:
    frames, shape = 0, None
    with Path(target).open("wb") as file:
        for batch in batches:
            shape = shape or batch.shape[1:]
            if batch.shape[1:] != shape:
                raise ValueError(f"frame {frames + 1} has another size, {batch.shape[1:]} after {shape}")
            frames += len(batch)
            if frames * batch[0].nbytes > most_bytes:
                raise ValueError(f"the clip exceeds {most_bytes} bytes")
            file.write(batch.data)
    if shape is None:
        raise ValueError("no frame in it")
    return (frames, *shape)


def _stream(container: InputContainer) -> av.VideoStream:
    stream = container.streams.best("video")
    if not isinstance(stream, av.VideoStream):
        raise ValueError("no video in it")
    return stream


def _matrix(frame: av.VideoFrame) -> tuple[int, int, int, int]:
    """How a frame is shown, from FFmpeg's display matrix, rows of three: a b u, c d v, x y w in fixed point."""
    # `frame.rotation` knows the angle only, and takes a mirror for half a turn
    side: Any = frame.side_data.get("DISPLAYMATRIX")
    if side is None:
        return (1, 0, 0, 1)
    a, b, _, c, d = (int(value) for value in np.frombuffer(bytes(side), np.int32)[:5])
    if a == b == c == d == 0:  # says nothing; players ignore it
        return (1, 0, 0, 1)
    upright, on_its_side = b == c == 0 and a and d, a == d == 0 and b and c
    if not (upright or on_its_side):
        raise ValueError("shown at an angle that is no multiple of 90 degrees")
    return (int(np.sign(a)), int(np.sign(b)), int(np.sign(c)), int(np.sign(d)))


def _shown(frame: Frames, matrix: tuple[int, int, int, int]) -> Frames:
    """The frame as a player shows it."""
    a, b, c, d = matrix
    if not a:
        frame = frame.swapaxes(0, 1)
    if min(b, d) < 0:
        frame = frame[::-1]
    if min(a, c) < 0:
        frame = frame[:, ::-1]
    return np.ascontiguousarray(frame)


def count_played(video: str) -> tuple[int, float | None]:
    """How many frames of a file play, and how many a second if it says so; decodes only where packets do not tell.

    Raises:
        ValueError: As ``look_at``.
        FFmpegError: The file cannot be read.
    """
    look = look_at(video)
    if not look.skips:
        return look.frames, look.rate
    with av.open(video) as container:
        return sum(1 for _ in container.decode(_stream(container))), look.rate


def look_at_all(names: Iterable[str]) -> None:
    """Say of each file what ``count_played`` does, a JSON object a line; every failure becomes an ``error``."""
    for name in names:
        try:
            frames, rate = count_played(json.loads(name))
            answer: dict[str, Any] = {"frames": frames, "fps": rate}
        except Exception as error:  # the parent has to name the file, whatever went wrong
            answer = {"error": _reason(error)}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def _reason(error: Exception) -> str:
    # FFmpeg's own words, without the number and the path that PyAV puts around them
    words = str(error.strerror if isinstance(error, FFmpegError) else error)
    return " ".join(words.split())[:200] or type(error).__name__


def main(arguments: list[str]) -> int:
    """Decode and report; every failure becomes one JSON line and exit code 1."""
    if arguments == ["--look"]:
        look_at_all(sys.stdin)
        return 0
    video, target, most_bytes, reader = arguments
    try:
        shape = decode(video, target, int(most_bytes), reader)
    except Exception as error:  # the parent has to name the file, whatever went wrong
        sys.stdout.write(json.dumps({"error": _reason(error)}) + "\n")
        return 1
    sys.stdout.write(json.dumps({"shape": shape}) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
