"""What the environment says: torchrun is heard, nothing else changes a weight, and what is not followed is told."""

import pytest

from inkbloom.environment import Place, among_many, not_followed, unswayed

ASKED = [
    {"ACCELERATE_GRADIENT_ACCUMULATION_STEPS": "4"},
    {"ACCELERATE_DYNAMO_BACKEND": "EAGER"},
    {"ACCELERATE_USE_DEEPSPEED": "true"},
    {"ACCELERATE_USE_MEGATRON_LM": "true"},
    {"ACCELERATE_USE_FSDP": "true"},
    {"ACCELERATE_USE_PARALLELISM_CONFIG": "true", "PARALLELISM_CONFIG_DP_REPLICATE_SIZE": "2"},
    {"ACCELERATE_MIXED_PRECISION": "bf16"},
    {"ACCELERATE_MIXED_PRECISION": "nonsense"},
    {"ACCELERATE_USE_CPU": "nonsense"},
    {"ACCELERATE_TORCH_DEVICE": "meta"},
    {"PMI_SIZE": "2"},
    {"OMPI_COMM_WORLD_SIZE": "2", "OMPI_COMM_WORLD_RANK": "1", "OMPI_COMM_WORLD_LOCAL_RANK": "1"},
    {"WORLD_SIZE": "2"},
    {"RANK": "1"},
    {"LOCAL_RANK": "3"},
    {"RANK": "1", "LOCAL_RANK": "x", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29511"},
]
NAMES = {name for asked in ASKED for name in asked}


@pytest.fixture
def cleared(monkeypatch):
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


@pytest.fixture(scope="session")
def unasked(tmp_path_factory):
    return tmp_path_factory.mktemp("unasked")


@pytest.mark.parametrize("asked", ASKED, ids=lambda asked: next(iter(asked)))
def test_what_others_ask_for_changes_no_weight_and_is_told(asked, recipe, zygote, outcome, unasked, tmp_path):
    plain, run = unasked / "run", tmp_path / "run"
    if not plain.exists():
        assert zygote("train", recipe(steps=6), "--out", plain).code == 0
    ended = zygote.together([(("train", recipe(steps=6), "--out", run), asked)])[0]
    assert ended.code == 0, ended.err
    assert outcome(run) == outcome(plain)
    name, value = next(iter(asked.items()))
    (line,) = [line for line in ended.out.splitlines() if line.startswith("not followed from the environment: ")]
    assert f"{name}={value}" in line


def test_what_accelerate_launch_sets_for_one_process_is_not_worth_a_word(cleared):
    launched = {
        "ACCELERATE_MIXED_PRECISION": "no", "ACCELERATE_DYNAMO_BACKEND": "NO", "ACCELERATE_USE_CPU": "False",
        "ACCELERATE_GRADIENT_ACCUMULATION_STEPS": "1", "PMI_SIZE": "1",
    }  # fmt: skip
    for name, value in launched.items():
        cleared.setenv(name, value)
    assert not_followed() == ""


def test_only_all_that_torchrun_says_makes_one_of_many(cleared):
    said = {"RANK": "3", "LOCAL_RANK": "1", "WORLD_SIZE": "4", "MASTER_ADDR": "10.0.0.1", "MASTER_PORT": "29500"}
    for name, value in said.items():
        assert among_many() is None
        cleared.setenv(name, value)
    assert among_many() == Place(3, 1, 4)
    assert not_followed() == ""
    cleared.setenv("RANK", "4")
    assert among_many() is None
    assert "RANK=4" in not_followed()


def test_the_environment_is_as_before_once_accelerate_has_looked(cleared):
    import os

    cleared.setenv("ACCELERATE_USE_FSDP", "true")
    cleared.setenv("RANK", "0")
    before = dict(os.environ)
    with unswayed():
        assert not {"ACCELERATE_USE_FSDP", "RANK"} & set(os.environ)
    assert dict(os.environ) == before
