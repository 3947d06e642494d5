"""CNN and LSTM features of frames and flow, fused (S0: Qian, Qian, Software Engineering 24(4), 2021)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

import torch
from torch import nn

from mer_lightning.models.layers import Dropout
from mer_lightning.models.transfer import Part
from mer_lightning.models.volumes import check_shape, fold_time
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from torch import Tensor

Stream = Literal["fused", "spatial", "temporal"]
FusionAt = Literal["fc6", "fc7"]
FusionMode = Literal["trained", "untrained"]
Summary = Literal["last", "mean"]


class CnnLstmFusion(nn.Module):
    """A CNN on frames and a CNN with an LSTM on flow images, joined by a fusion layer.

    The paper gives the input (96 x 96, 19 frames and 19 flow images per clip), the layers of a CNN by number (five
    convolutions, three max-poolings, four dense layers) and the name AlexNet; it prints no equation of its "improved"
    LSTM. What is read into it here:

    - Convolutions are AlexNet's: 11 x 11 with 96 filters and step 4, 5 x 5 with 256, 3 x 3 with 384, 384 and 256, each
      with a ReLU, without local response normalisation and groups. Of faces of 96 pixels the last map is 2 x 2 x 256
      (FC6 sees 1,024 values); ``first_stride`` 2 leaves 5 x 5 x 256, nearer to AlexNet's 6 x 6 of 224 pixels, at four
      times the multiplications.
    - The four dense layers are FC6 and FC7 (4096), FC8 (512) and FC9, the classifier.
    - The spatial stream is that CNN on every frame, averaged over the frames. The temporal stream is a CNN of its own
      on every flow image, followed by an LSTM: that its input is learnt is taken to be the improvement.
    - The fusion layer stands after FC6 or FC7. Trained, it is a dense layer of 4096 with a ReLU on both streams'
      features side by side; untrained, it puts them side by side and nothing more. The dense layers that are left
      follow.
    - "To prevent overfitting" features are extracted first and then trained upon (section 3.2): ``parts`` are the two
      streams, each with dense layers of its own as in ``stream`` alone, for ``stages: parts_first``.
    - A clip that comes as several ``segments`` is classified by the mean of their logits.

    Args:
        in_channels: Channels of the input: those of a frame (1 or 3), then u, v and magnitude of the flow.
        classes: Number of classes.
        stream: ``fused``, or one stream alone: its features pass on to the remaining dense layers.
        fusion_at: Dense layer after which the LSTM, and the fusion layer, stand.
        fusion_mode: ``trained`` or ``untrained``.
        size: Height and width of the input; at least 57, or 29 with a first step of 2.
        width: Values of FC6 and FC7, and of the trained fusion layer.
        hidden: Values of the LSTM; not stated.
        fc8: Values of FC8; not stated.
        summary: What a clip keeps of the LSTM: its last state or the mean over time; not stated.
        first_stride: Step of the first convolution.
        segments: Segments of a clip, one after the other in time, as many as the representation gives.
        dropout: Probability that a value of a dense layer is dropped in training; not stated, AlexNet's is 0.5.

    Raises:
        DataError: There is no frame beside the three flow channels, or the input is too small.
    """

    head_name: ClassVar[str] = "head"
    frozen_in_transfer: ClassVar[tuple[str, ...]] = ()
    # both streams end in maps of one size, and both lead to the prediction
    explained: ClassVar[tuple[str, ...]] = ("spatial.conv5", "temporal.conv5")

    def __init__(
        self,
        in_channels: int = 4,
        classes: int = 3,
        stream: Stream = "fused",
        fusion_at: FusionAt = "fc7",
        fusion_mode: FusionMode = "trained",
        size: int = 96,
        width: int = 4096,
        hidden: int = 512,
        fc8: int = 512,
        summary: Summary = "last",
        first_stride: int = 4,
        segments: int = 1,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        if in_channels < 4:
            raise DataError(
                f"cnn_lstm_fusion needs the channels of a frame and of flow (u, v, magnitude), got {in_channels}"
            )
        self._input = (in_channels, None, size, size)
        self._summary: Summary = summary
        self._segments = segments
        dense = 2 if fusion_at == "fc7" else 1
        self.spatial = (
            _Cnn(in_channels - 3, size, first_stride, width, dense, dropout) if stream != "temporal" else None
        )
        self.temporal = _Cnn(3, size, first_stride, width, dense, dropout) if stream != "spatial" else None
        self.lstm = nn.LSTM(width, hidden, batch_first=True) if stream != "spatial" else None
        features = {"spatial": width, "temporal": hidden, "fused": width + hidden}[stream]
        self.fusion = None
        if stream == "fused" and fusion_mode == "trained":
            self.fusion = _dense(features, width, dropout)
            features = width
        self._rest = (width if fusion_at == "fc6" else None, fc8, classes, dropout)
        self.fc7, self.fc8, self.head = _rest(features, *self._rest)

    def forward(self, x: Tensor) -> Tensor:
        """Classify clips.

        Args:
            x: ``(B, in_channels, T, size, size)``: channels of a frame, then u, v and magnitude of the flow.

        Returns:
            Logits, ``(B, classes)``.

        Raises:
            DataError: The clips have another shape.
        """
        check_shape("cnn_lstm_fusion", x, self._input)
        x = _as_segments(x, self._segments)
        features: list[Tensor] = []
        if self.spatial is not None:
            features.append(_spatial(self.spatial, x))
        if self.temporal is not None and self.lstm is not None:
            features.append(_temporal(self.temporal, self.lstm, x, self._summary))
        y = torch.cat(features, 1)
        y = y if self.fusion is None else self.fusion(y)
        y = y if self.fc7 is None else self.fc7(y)
        return self.head(self.fc8(y)).unflatten(0, (-1, self._segments)).mean(1)

    def parts(self) -> tuple[Part, ...]:
        """The spatial stream, then the temporal one, as they are trained alone; none where there is one stream only."""
        if self.spatial is None or self.temporal is None or self.lstm is None:
            return ()
        width, hidden = self.lstm.input_size, self.lstm.hidden_size
        spatial = _StreamAlone(self.spatial, None, self._summary, self._segments, _rest(width, *self._rest))
        temporal = _StreamAlone(self.temporal, self.lstm, self._summary, self._segments, _rest(hidden, *self._rest))
        return Part(spatial, ("spatial",)), Part(temporal, ("temporal", "lstm"))


class _StreamAlone(nn.Module):
    """One stream of the fusion with dense layers and a classifier of its own."""

    def __init__(
        self,
        cnn: _Cnn,
        lstm: nn.LSTM | None,
        summary: Summary,
        segments: int,
        rest: tuple[nn.Module | None, nn.Module, nn.Linear],
    ) -> None:
        super().__init__()
        self.cnn, self.lstm = cnn, lstm
        self._summary: Summary = summary
        self._segments = segments
        self.fc7, self.fc8, self.head = rest

    def forward(self, x: Tensor) -> Tensor:
        """Logits ``(B, classes)`` of what the fusion takes."""
        x = _as_segments(x, self._segments)
        y = _spatial(self.cnn, x) if self.lstm is None else _temporal(self.cnn, self.lstm, x, self._summary)
        y = y if self.fc7 is None else self.fc7(y)
        return self.head(self.fc8(y)).unflatten(0, (-1, self._segments)).mean(1)


class _Cnn(nn.Module):
    """AlexNet's convolutions and its first one or two dense layers, on every image of a clip."""

    def __init__(self, channels: int, size: int, first_stride: int, width: int, dense: int, dropout: float) -> None:
        super().__init__()
        side = (size - 1) // first_stride + 1
        for _ in range(3):
            side = (side - 3) // 2 + 1
        if side < 1:
            raise DataError(f"cnn_lstm_fusion: images of {size} x {size} are too small for three poolings")
        self.conv1 = nn.Conv2d(channels, 96, 11, first_stride, 5)
        self.conv2 = nn.Conv2d(96, 256, 5, padding=2)
        self.conv3 = nn.Conv2d(256, 384, 3, padding=1)
        self.conv4 = nn.Conv2d(384, 384, 3, padding=1)
        self.conv5 = nn.Conv2d(384, 256, 3, padding=1)
        self.pool1, self.pool2, self.pool3 = (nn.MaxPool2d(3, 2) for _ in range(3))
        self.fc6 = _dense(256 * side * side, width, dropout)
        self.fc7 = _dense(width, width, dropout) if dense == 2 else None

    def forward(self, x: Tensor) -> Tensor:
        """Features ``(B, T, width)`` of ``(B, C, T, H, W)``."""
        clips = len(x)
        # the maximum of rectified values is the rectified maximum, and there are four times fewer of them
        x = self.pool1(self.conv1(fold_time(x))).relu()
        x = self.pool2(self.conv2(x)).relu()
        x = self.conv4(self.conv3(x).relu()).relu()
        x = self.fc6(self.pool3(self.conv5(x)).relu().flatten(1))
        x = x if self.fc7 is None else self.fc7(x)
        return x.unflatten(0, (clips, -1))


def _as_segments(x: Tensor, segments: int) -> Tensor:
    """Clips ``(B, C, segments * T, H, W)`` as their segments ``(B * segments, C, T, H, W)``.

    Raises:
        DataError: The clip does not divide into so many.
    """
    if x.shape[2] % segments:
        raise DataError(f"cnn_lstm_fusion: {x.shape[2]} steps are not {segments} segments of equal length")
    return x.unflatten(2, (segments, -1)).transpose(1, 2).flatten(0, 1)


def _spatial(cnn: nn.Module, x: Tensor) -> Tensor:
    """Features of the frames, the mean over time."""
    return cnn(x[:, :-3]).mean(1)


def _temporal(cnn: nn.Module, lstm: nn.LSTM, x: Tensor, summary: Summary) -> Tensor:
    """What the LSTM makes of features of the flow."""
    states = lstm(cnn(x[:, -3:]))[0]
    return states[:, -1] if summary == "last" else states.mean(1)


def _rest(
    features: int, fc7: int | None, fc8: int, classes: int, dropout: float
) -> tuple[nn.Module | None, nn.Module, nn.Linear]:
    """The dense layers that follow: FC7 where it is left, FC8 and the classifier."""
    dense = None if fc7 is None else _dense(features, fc7, dropout)
    return dense, _dense(fc7 or features, fc8, dropout), nn.Linear(fc8, classes)


def _dense(inputs: int, outputs: int, dropout: float) -> nn.Module:
    return nn.Sequential(nn.Linear(inputs, outputs), nn.ReLU(), Dropout(dropout))
