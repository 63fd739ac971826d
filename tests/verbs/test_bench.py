"""`inkbloom bench` from the command line."""

import json

import pytest


def test_two_parts_of_a_source_without_a_judge(command, recipe, tmp_path):
    file = tmp_path / "out" / "bench.json"
    done = command("bench", "--quick", "--recipe", recipe(), "--json", file)
    assert (done.code, done.err) == (0, "")
    result = json.loads(file.read_text())
    assert list(result["parts"]) == ["quality", "sampling"]
    assert {"cpu", "torch", "date"} <= result["machine"].keys()
    assert result["seed"] == 0
    quality, sampling = (result["parts"][name]["rows"] for name in ("quality", "sampling"))
    assert quality == [{"judge": None}]
    assert {row["nfe"] for row in sampling if row.get("solver") == "euler"} == {2, 4, 8, 16, 40}
    assert "no judge" in done.out
    assert "load" in result["parts"]["quality"]["meanwhile"]
    assert sorted(path.name for path in file.parent.iterdir()) == ["bench-sampling.png", "bench-sampling.svg", "bench.json"]


def test_finer_steps_come_nearer_to_the_solution(command, recipe, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    command("train", recipe(), "--out", "run", "--quiet")
    done = command("bench", "--quick", "--only", "sampling", "--recipe", recipe(), "--run", "run", "--json", "b.json")
    assert (done.code, done.err) == (0, "")
    rows = json.loads((tmp_path / "b.json").read_text())["parts"]["sampling"]["rows"]
    errors = [row["rmse"] for row in rows if row.get("solver") == "dpmpp_2m"]
    assert errors == sorted(errors, reverse=True)
    assert "trained for it" not in done.out


def test_a_model_that_knows_its_own_steps_only_is_not_asked_for_others(command, recipe, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    few = {"teacher": "run", "sample_steps": 2, "spacing": "shifted", "steps": 2}
    assert command("train", recipe(), "--out", "run", "--quiet").code == 0
    assert command("train", recipe("few", **few), "--out", "few", "--quiet").code == 0
    done = command("bench", "--quick", "--only", "sampling", "--recipe", recipe(), "--run", "few")
    assert (done.code, done.err) == (0, "")
    assert "nothing to measure FD and KID by" in done.out


def test_plain_guidance_costs_one_evaluation_a_step(command, recipe, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert command("train", recipe(guidance=2.0), "--out", "run", "--quiet").code == 0
    for flags, least in (([], 2), (["--guidance", "1"], 1)):
        words = ("bench", "--quick", "--only", "sampling", "--recipe", recipe(), "--run", "run", "--json", "b.json")
        assert command(*words, *flags).code == 0
        rows = json.loads((tmp_path / "b.json").read_text())["parts"]["sampling"]["rows"]
        assert {row["nfe"] % 2 for row in rows if row.get("solver") == "heun"} == ({0} if least == 2 else {1})


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["--only", "peaks"], 2, "invalid choice"),
        (["--seeds", "0"], 2, "seeds = 0"),
        (["--recipe", "fats"], 2, "did you mean 'fast'"),
        (["--t30", "{here}/broken.json"], 3, "not an evaluation card"),
        (["--t30", "{here}/missing.json"], 3, "no such card"),
        (["--recipe", "vae"], 2, "sampling with a vae"),
        (["--json", "{here}"], 5, "a file stands where a folder is needed"),
        (["--only", "sampling", "--run", "{here}/nothing"], 4, "nothing"),
    ],
)
def test_mistakes_are_one_line(command, tmp_path, words, code, told):
    (tmp_path / "broken.json").write_text("{")
    done = command("bench", "--quick", *(word.format(here=tmp_path) for word in words))
    assert done.code == code
    assert told in done.error
