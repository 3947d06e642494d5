"""What is kept of clips comes back as it was."""

import pytest
import torch

from mer_lightning.datamodules import KeptOutputs


class TestKept:
    @pytest.mark.parametrize("order", [torch.contiguous_format, torch.channels_last])
    def test_gives_values_in_the_memory_order_of_what_was_kept(self, order):
        values = torch.rand(5, 3, 4, 2).contiguous(memory_format=order)
        kept = KeptOutputs(torch.tensor([1, 3, 4, 8, 9]), values[:1])
        kept.put([3, 1, 9], values[:3])
        assert kept.missing(torch.tensor([1, 3, 4, 8, 9])) == [4, 8]
        given = kept.at(torch.tensor([9, 3, 3]))
        assert torch.equal(given, values[[2, 0, 0]])
        assert given.stride() == values[:3].stride()
        assert torch.equal(kept.at(torch.tensor([[9], [1]])), values[[2, 1]][:, None])
        assert kept.nbytes == 5 * 24 * 4

    def test_refuses_what_was_not_filled(self):
        kept = KeptOutputs(torch.tensor([0, 2]), torch.rand(1, 3))
        kept.put([0], torch.rand(1, 3))
        with pytest.raises(IndexError, match="nothing is kept"):
            kept.at(torch.tensor([0, 2]))
