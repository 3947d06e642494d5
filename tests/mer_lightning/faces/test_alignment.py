from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from mer_lightning.faces.alignment import Crop, align, similarity, transform_points
from mer_lightning.faces.points import COUNT, INNER_EYES, mean_face
from mer_lightning.types import DataError


def face(scale: float, degrees: float, x: float, y: float) -> torch.Tensor:
    angle = np.radians(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return torch.from_numpy((mean_face() @ turn.T * scale + [x, y]).astype(np.float32))


def smooth(height: int, width: int, channels: int = 3) -> np.ndarray:
    small = np.random.default_rng(3).integers(0, 255, (height // 24, width // 24, channels)).astype(np.float32)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC).clip(0, 255)


@pytest.mark.parametrize("degrees", [-25, 0, 40])
@pytest.mark.parametrize("scale", [20.0, 77.0])
def test_inner_eye_corners_come_to_their_place(degrees, scale):
    crop = Crop(96, 80)
    matrix = similarity(face(scale, degrees, 300, 200)[None], crop)
    corners = transform_points(matrix, face(scale, degrees, 300, 200)[None])[0, list(INNER_EYES)]
    torch.testing.assert_close(corners, crop.corners(), atol=1e-4, rtol=0)
    linear = matrix[0, :, :2]
    # a similarity keeps angles: nothing is sheared or mirrored
    torch.testing.assert_close(linear @ linear.T, torch.det(linear) * torch.eye(2, dtype=torch.float64))


def test_the_warp_equals_opencv():
    image = smooth(240, 320)
    points = face(40, 12, 150, 100)
    crop = Crop(128, 112)
    matrix = similarity(points, crop)
    ours = align(torch.from_numpy(image).permute(2, 0, 1)[None, None], points[None], crop)[0, 0]
    theirs = cv2.warpAffine(image, matrix.numpy(), (112, 128), flags=cv2.INTER_LINEAR)
    assert ours.shape == (3, 128, 112)
    # OpenCV rounds positions to 1/32 pixel
    assert np.abs(ours.permute(1, 2, 0).numpy() - theirs).max() < 6
    assert np.abs(ours.permute(1, 2, 0).numpy() - theirs).mean() < 0.3


def test_faces_of_any_pose_become_the_same_picture():
    canvas = torch.from_numpy(smooth(400, 400)[..., 0])
    crop = Crop(64, 64)
    upright = align(canvas[None, None, None], face(30, 0, 200, 150)[None], crop)
    rotation = cv2.getRotationMatrix2D((200, 150), -20, 1.3)
    turned = cv2.warpAffine(canvas.numpy(), rotation, (400, 400), flags=cv2.INTER_CUBIC)
    tilted = align(torch.from_numpy(turned)[None, None, None], face(39, 20, 200, 150)[None], crop)
    assert (upright - tilted).abs().mean() < 2


def test_a_batch_equals_its_clips_and_long_clips_are_cut_into_chunks(monkeypatch):
    frames = torch.from_numpy(np.random.default_rng(0).integers(0, 255, (2, 5, 3, 120, 160), np.uint8))
    points = torch.stack([face(20, 5, 80, 50), face(25, -10, 70, 45)])
    crop = Crop(48, 40)
    together = align(frames, points, crop)
    assert together.shape == (2, 5, 3, 48, 40)
    assert together.dtype == torch.float32
    for index in range(2):
        alone = align(frames[index : index + 1], points[index : index + 1], crop)[0]
        torch.testing.assert_close(together[index], alone, atol=0.05, rtol=0)
    monkeypatch.setattr("mer_lightning.faces.alignment._CHUNK", 1)
    torch.testing.assert_close(align(frames, points, crop), together)


def test_large_faces_are_averaged_not_aliased():
    # a chessboard of single pixels is grey from afar
    board = (torch.arange(800)[:, None] + torch.arange(800)) % 2 * 255.0
    small = align(board[None, None, None], face(150, 0, 400, 300)[None], Crop(32, 32))
    inner = small[0, 0, 0, 8:24, 8:24]
    assert (inner - 127.5).abs().max() < 30


def test_a_face_beside_the_picture_gives_black():
    frames = torch.full((1, 2, 1, 30, 30), 200, dtype=torch.uint8)
    assert align(frames, face(20, 0, 900, 900)[None], Crop(16, 16)).abs().max() == 0


def test_impossible_landmarks():
    with pytest.raises(DataError, match="the inner eye corners coincide"):
        similarity(torch.zeros(1, COUNT, 2), Crop())
    with pytest.raises(DataError, match="expects 68 points of two coordinates"):
        similarity(torch.zeros(1, 5, 2), Crop())
    with pytest.raises(DataError, match=r"expects \(B, T, C, H, W\) frames"):
        align(torch.zeros(3, 8, 8), torch.zeros(1, COUNT, 2), Crop())


@pytest.mark.gpu
def test_on_the_device():
    frames = torch.from_numpy(np.random.default_rng(0).integers(0, 255, (2, 5, 3, 120, 160), np.uint8))
    points = torch.stack([face(20, 5, 80, 50), face(25, -10, 70, 45)])
    there = align(frames.cuda(), points, Crop(48, 40))
    assert there.is_cuda
    torch.testing.assert_close(there.cpu(), align(frames, points, Crop(48, 40)), atol=0.05, rtol=0)
