"""Every benchmark runs and says what it measured, what it skipped, and against what."""

import time

import pytest
import torch

from mer_lightning.types import DataError
from tools.perf.__main__ import main
from tools.perf.builds import build_at, run_in
from tools.perf.measurement import Measurement, alternate, best_seconds


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["training", "descriptors", "motion", "twins", "video", "suite", "tuning", "networks", "growth"]
)
def test_a_benchmark_prints_its_figures(name, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "250")
    assert main(["--quick", name]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert {"twins": "s", "networks": "h per fold"}.get(name, " x ") in printed
    if name in {"training", "motion", "suite"} and not torch.cuda.is_available():
        assert "skipped: no CUDA" in printed


def test_a_benchmark_that_there_is_not_is_named(capsys):
    assert main(["nosuch"]) == 2
    assert "perf: 'nosuch' is unknown; expected one of descriptors, " in capsys.readouterr().err


def test_the_ratio_is_ours_over_the_reference():
    row = {"name": "n", "ours": 3.0, "unit": "s", "better": "lower"}
    assert Measurement.model_validate(row | {"reference": 2.0}).ratio == 1.5
    assert Measurement.model_validate(row).ratio is None
    assert Measurement.model_validate(row | {"ours": None, "reference": 2.0}).ratio is None


def test_both_sides_run_in_turns():
    calls = []
    alternate(lambda: calls.append("ours"), lambda: calls.append("reference"), rounds=2)
    assert calls == ["ours", "reference"] * 2


def test_the_shortest_run_counts():
    waits = iter((0.05, 0.0, 0.05))
    assert best_seconds(lambda: time.sleep(next(waits)), 3) < 0.05
    assert next(waits, None) is None


def test_a_report_is_kept_and_rendered(tmp_path):
    from tools.perf.page import describe, load, save

    row = Measurement(name="n", ours=3.0, reference=2.0, unit="s", better="lower", goal="at most 1 x")
    save(tmp_path, "suite", describe("suite", [row], quick=False))
    save(tmp_path, "other", describe("other", [row], quick=True))
    assert set(load(tmp_path / "performance.json")) == {"suite", "other"}
    page = (tmp_path / "performance.md").read_text()
    assert "| n | 3 s | 2 s | 1.50 x | at most 1 x |" in page
    assert "`python -m tools.perf other --quick`" in page


def test_the_baseline_has_the_models_of_the_papers():
    from tools.perf.naive import ThreeStreams, TwoStreams

    sizes = [sum(weight.numel() for weight in model().parameters()) for model in (ThreeStreams, TwoStreams)]
    # the counts that the papers' own tables give, see the models
    assert sizes == [1683, 2_664_475]
    maps = torch.rand(2, 3, 28, 28)
    assert ThreeStreams()(maps).shape == TwoStreams()(maps).shape == (2, 3)


def test_the_baseline_of_volumes_computes_what_ours_does():
    from mer_lightning.models.fcnn_3d import FCNN3D
    from tools.perf.inputs import VOLUME
    from tools.perf.naive import ThreeVolumes

    torch.manual_seed(0)
    ours, theirs = FCNN3D(classes=3, **VOLUME).eval(), ThreeVolumes().eval()
    pairs = zip(ours.state_dict().values(), theirs.state_dict().values(), strict=True)
    assert all(a.shape == b.shape for a, b in pairs)
    theirs.load_state_dict(dict(zip(theirs.state_dict(), ours.state_dict().values(), strict=True)))
    clips = torch.randn(2, 3, 10, 32, 32)
    torch.testing.assert_close(theirs(clips), ours(clips))


def test_other_inputs_keep_the_official_folds():
    from tools.perf.inputs import official, resized, tenfold

    runs = official(("ststnet", "fcnn-3d"))
    small, volumes = runs["ststnet"], runs["fcnn-3d"]
    assert small.table.inputs.shape == (442, 3, 28, 28)
    assert volumes.table.inputs.shape == (442, 3, 10, 32, 32)
    assert len(volumes.folds) == len(small.folds) == 68
    many = tenfold(small)
    assert many.table.inputs.shape == (4420, 3, 28, 28)
    for fold, before in zip(many.folds, small.folds, strict=True):
        assert len(fold.train) == 10 * len(before.train)
        rows = many.table.rows(fold.train) % 442
        assert set(rows.tolist()) == set(small.table.rows(before.train).tolist())
    large = resized(small, 56).table
    assert large.inputs.shape == (442, 3, 56, 56)
    torch.testing.assert_close(large.inputs.mean(), small.table.inputs.mean(), atol=1e-3, rtol=0)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is CUDA")
def test_the_goals_of_a_gpu_wait_for_one():
    from tools.perf.gpu import published
    from tools.perf.inputs import official

    (run,) = official(("ststnet",)).values()
    rows = published(run, lambda: pytest.fail("nothing is timed"))
    assert [row.note for row in rows] == ["skipped: no CUDA"] * 3
    assert rows[0].name == "ststnet, cuda, 68 folds of 800 epochs, at once"
    assert rows[0].goal == "at most 0.033 x, under 60 s"


def test_utilisation_is_what_nvidia_smi_says_meanwhile(tmp_path, monkeypatch):
    import time

    from tools.perf.gpu import utilisation

    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho 40\necho '[N/A]'\necho 60\nexec sleep 60\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with utilisation() as busy:
        time.sleep(1)
    assert busy == [40.0, 60.0]
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    with utilisation() as busy:
        pass
    assert busy == []


@pytest.mark.slow
def test_the_overhead_is_of_waiting_and_not_of_sleeping():
    from benchmark.training.executors import Local
    from tools.perf.inputs import official
    from tools.perf.overhead import overhead, sleeping_fold

    (run,) = official(("ststnet",)).values()
    rows = overhead(run, Local("cpu", sleeping_fold), 0.01)
    assert [row.name for row in rows] == [
        "overhead of 68 folds of 0.01 s, in this process",
        "start of 68 folds of 0.01 s, in this process",
    ]
    assert all(row.ours > 0 for row in rows)
    assert "between two folds" in rows[0].note


class TestBuilds:
    @pytest.fixture
    def build(self, tmp_path):
        """A build whose package says which it is."""
        (tmp_path / "benchmark").mkdir()
        (tmp_path / "benchmark" / "__init__.py").write_text("")
        (tmp_path / "benchmark" / "say.py").write_text("import sys\nprint('earlier', *sys.argv[1:])\nsys.exit(3)\n")
        return tmp_path

    def test_a_program_runs_with_the_packages_of_its_build(self, build):
        cost = run_in(build, ("-m", "benchmark.say", "1", "--two"))
        assert (cost.printed, cost.status) == ("earlier 1 --two\n", 3)
        assert 0 < cost.seconds < 30
        assert 1 < cost.peak < 1000

    def test_threads_are_one_and_memory_is_that_of_the_program(self, build):
        program = build / "large.py"
        program.write_text("import os\nkept = bytearray(80 * 2**20)\nprint(os.environ['OMP_NUM_THREADS'])\n")
        own = bytearray(200 * 2**20)
        cost = run_in(build, (str(program),))
        assert own and cost.printed == "1\n"
        assert 80 < cost.peak < 180

    def test_a_program_that_breaks_is_named_with_its_last_line(self, build):
        program = build / "broken.py"
        program.write_text("raise ValueError('no such thing')\n")
        with pytest.raises(DataError, match=r"broken.py: ValueError: no such thing"):
            run_in(build, (str(program),))

    def test_a_commit_lies_in_a_folder_that_goes_again(self):
        with build_at("HEAD") as folder:
            if folder is None:
                pytest.skip("not a git checkout")
            assert (folder / "benchmark" / "__main__.py").exists()
        assert not folder.exists()
        with build_at("nosuchcommit") as folder:
            assert folder is None


def test_invented_records_are_records_and_some_are_better_than_others(tmp_path):
    from benchmark.records.run import load_runs
    from tools.perf.recorded import write_records

    runs = load_runs(write_records(tmp_path, 3, 2))
    assert [(run.method, run.seed) for run in runs] == [(f"m00{m}", seed) for m in range(3) for seed in range(2)]
    assert all(run.complete and run.board == "megc2019" and len(run.confusion) == 68 for run in runs)
    right = [run.matrices().trace(axis1=1, axis2=2).sum() for run in runs]
    assert max(right[:2]) < min(right[4:])
