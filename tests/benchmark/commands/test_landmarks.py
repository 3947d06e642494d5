"""What OpenFace has found of a whole database stands where the suites look for it."""

from benchmark.__main__ import main
from mer_lightning.datasets.registry import open_database
from mer_lightning.faces.aligned import AlignedFrames
from mer_lightning.synthetic.twins import write_twin
from tests.mer_lightning.faces.test_openface import row, write


def test_a_whole_database_is_imported_and_aligned(tmp_path, capsys):
    root = tmp_path / "SAMM"
    write_twin(root, "samm", subjects=2, size=(120, 160), frames=0.05)
    samples = open_database("samm", root).samples
    arguments = ["data", "landmarks", str(root), "--openface", str(tmp_path / "of")]
    assert main(arguments) == 2
    assert "of: no such folder; expected OpenFace's CSV files" in capsys.readouterr().err
    for sample in samples:
        rows = [row(n, shift=n) for n in range(1, len(list(sample.path.iterdir())) + 1)]
        last = write(tmp_path / "of" / sample.subject / f"{sample.clip}.csv", rows)
    assert main(arguments) == 0
    assert f"of {len(samples)} clips" in capsys.readouterr().out
    aligned = AlignedFrames(open_database("samm", root), root / "landmarks-raw.csv")
    assert aligned.points(samples[0]).shape == (68, 2)
    assert main(["data", "units", str(root), "--out", str(tmp_path / "units.csv")]) == 0
    annotated = [sample for sample in samples if sample.apex is not None]
    assert len((tmp_path / "units.csv").read_text().splitlines()) == len(annotated) + 1
    assert f"1 action units at onset and apex of {len(annotated)} clips" in capsys.readouterr().out
    assert main(["data", "units", str(root), "--out", str(tmp_path / "units.csv")]) == 2
    assert "units.csv: is there already" in capsys.readouterr().err
    write(last, [row(n, success=0) for n in range(1, len(rows) + 1)])
    assert main([*arguments, "--out", str(tmp_path / "out.csv")]) == 1
    assert f"no face in {samples[-1].key} frame {samples[-1].onset}" in capsys.readouterr().out
