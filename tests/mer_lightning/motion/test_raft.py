import pytest
import torch
from torchvision.models.optical_flow import raft_small

from mer_lightning.motion.raft import raft_flow
from mer_lightning.types import DataError


@pytest.mark.slow
def test_weights_of_a_file_are_used(tmp_path):
    torch.manual_seed(0)
    torch.save(raft_small(weights=None).state_dict(), tmp_path / "raft.pt")
    flow = raft_flow(torch.rand(2, 1, 40, 50), torch.rand(2, 1, 40, 50), weights=tmp_path / "raft.pt")
    assert flow.shape == (2, 2, 40, 50)
    assert flow.isfinite().all()


def test_unreadable_weights_give_one_line(tmp_path):
    image = torch.rand(1, 1, 16, 16)
    (tmp_path / "broken.pt").write_bytes(b"no weights")
    torch.save({"layer": torch.zeros(1)}, tmp_path / "other.pt")
    (tmp_path / "empty.pt").write_bytes(b"")
    torch.save(torch.zeros(1), tmp_path / "one.pt")
    torch.save([torch.zeros(1)], tmp_path / "list.pt")
    (tmp_path / "cut.pt").write_bytes((tmp_path / "other.pt").read_bytes()[:200])
    for name in ("broken.pt", "other.pt", "missing.pt", "empty.pt", "one.pt", "list.pt", "cut.pt"):
        with pytest.raises(DataError, match=name) as caught:
            raft_flow(image, image, weights=tmp_path / name)
        assert "\n" not in str(caught.value)
