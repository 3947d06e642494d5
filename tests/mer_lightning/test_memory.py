import platform
import resource

import torch

from mer_lightning.devices import keep_freed_memory


def page_faults_of_a_large_tensor():
    def make():
        return torch.ones(2**22)

    make()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        make()
    return (resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / 10


def test_freed_memory_is_used_again():
    if platform.libc_ver()[0] != "glibc":
        assert not keep_freed_memory()
        return
    assert keep_freed_memory()
    # 16 MiB are 4096 pages
    assert page_faults_of_a_large_tensor() < 400
