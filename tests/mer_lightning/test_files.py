import os
import stat
import subprocess
import sys
import tempfile

import pytest

from mer_lightning.files import replacing, temporary_folder, write_text


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o002, 0o664), (0o077, 0o600)])
def test_the_umask_decides_who_may_read(tmp_path, umask, mode):
    before = os.umask(umask)
    try:
        with replacing(tmp_path / "folder" / "a.txt") as part:
            part.write_text("new")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "folder" / "a.txt").stat().st_mode) == mode


def test_the_old_file_stays_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with replacing(path) as part:
        part.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
@pytest.mark.parametrize("written", [True, False])
def test_an_exception_leaves_the_old_file_and_nothing_beside_it(tmp_path, error, written):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(error), replacing(path) as part:
        if written:
            part.write_text("half")
        raise error
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_leaves_the_old_file_and_nothing_beside_it(tmp_path, monkeypatch):
    def full(_):
        raise OSError(28, "No space left on device")

    path = tmp_path / "a.txt"
    path.write_text("old")
    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"), replacing(path) as part:
        part.write_text("new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_written_is_named_by_its_place(tmp_path):
    (tmp_path / "here").mkdir()
    with pytest.raises(OSError, match="Is a directory") as raised:
        write_text(tmp_path / "here", "x")
    assert raised.value.filename == str(tmp_path / "here")


def killed_writer(folder):
    """Leaves what a process leaves that is killed while it writes."""
    code = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from mer_lightning.files import replacing, temporary_folder\n"
        "with temporary_folder('test'), replacing(Path(sys.argv[1]) / 'a.json') as part:\n"
        "    part.write_text('{')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    environment = os.environ | {"TMPDIR": str(folder / "tmp")}
    (folder / "tmp").mkdir(exist_ok=True)
    subprocess.run([sys.executable, "-c", code, str(folder)], env=environment, check=False)


class TestWhatAKilledProgramLeft:
    def test_goes_when_another_writes_there(self, tmp_path, monkeypatch):
        killed_writer(tmp_path)
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
        assert len(list(tmp_path.glob(".*.part"))) == len(list(tmp_path.glob("tmp/mer-test-*"))) == 1
        write_text(tmp_path / "b.json", "{}")
        with temporary_folder("test") as folder:
            assert list(tmp_path.glob("tmp/mer-test-*")) == [folder]
        assert sorted(path.name for path in tmp_path.iterdir()) == ["b.json", "tmp"]

    def test_stays_while_its_owner_runs_or_is_elsewhere(self, tmp_path):
        with replacing(tmp_path / "a.json") as part:
            part.write_text("{}")
            elsewhere = tmp_path / part.name.replace(part.name[1:9], "0" * 8).replace(str(os.getpid()), "999999999")
            elsewhere.write_text("{")
            code = "import sys; from pathlib import Path; from mer_lightning.files import write_text; "
            code += "write_text(Path(sys.argv[1]) / 'b.json', '{}')"
            subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
            assert part.exists()
        assert elsewhere.exists()


def test_a_full_disk_is_named_by_the_file(tmp_path):
    def full():
        with replacing(tmp_path / "a.json"):
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match=r"No space left on device: '.*a\.json'"):
        full()
