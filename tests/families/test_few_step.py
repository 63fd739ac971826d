"""Few steps: long steps that land where the teacher's short ones do, from a teacher that fits, kept by a resumed run."""

import math
from contextlib import closing
from itertools import pairwise

import numpy as np
import pytest
import torch

from inkbloom.config import Recipe
from inkbloom.data import load_data
from inkbloom.diffusion import PATHS
from inkbloom.errors import CheckpointError, UsageError
from inkbloom.families import FewStep, Spec, build
from inkbloom.families.few_step import long_steps
from inkbloom.philox import Draw
from inkbloom.recipe_files import load_recipe
from inkbloom.run import Run
from inkbloom.sampling import request
from inkbloom.solvers import SOLVERS, step_times
from inkbloom.store.folder import RunFolder
from inkbloom.training.fit import fit
from inkbloom.training.prepare import assemble
from inkbloom.training.session import Saved, session
from inkbloom.training.teacher import take_teacher

CPU = torch.device("cpu")
TAUGHT = {"teacher_steps": 3, "sample_steps": 4, "spacing": "shifted", "steps": 4, "batch_size": 8, "compile": "off"}


class Constant(torch.nn.Module):
    """A network that always answers the same grey."""

    channels_last, num_classes = False, 0

    def __init__(self, grey):
        super().__init__()
        self.grey = torch.nn.Parameter(torch.tensor(grey))

    def forward(self, x, t, y=None):
        return self.grey.expand_as(x)


@pytest.mark.parametrize("spacing", ["shifted", "uniform"])
@pytest.mark.parametrize(("long", "stride"), [(4, 3), (2, 5), (1, 4), (3, 1)])
def test_long_steps_stand_on_the_teachers_trajectory(spacing, long, stride):
    path, noise = PATHS["lerp"], torch.randn(5, 1, 8, 8, dtype=torch.float64)
    times = step_times(long * stride, spacing, path)
    torch.testing.assert_close(times[::stride], step_times(long, spacing, path))  # so the student's own steps are these

    def teacher(x, t):
        return 0.3 * x + t

    starts, ends = long_steps(teacher, noise, times, path, stride)
    trajectory = [x for x, _ in SOLVERS["dpmpp_2m"](teacher, noise, times, path, None)]
    assert torch.equal(starts[:5], noise)
    assert torch.equal(starts[5:], ends[:-5])
    assert torch.equal(ends, torch.cat(trajectory[stride - 1 :: stride]))


def student(grey, **changes):
    """One that always answers the same grey, of a teacher that always answers 0.25."""
    recipe = Recipe().resolved(teacher="somebody", target="x0", **TAUGHT, **changes)
    return FewStep(Constant(grey), Spec(recipe, 1, (8, 8)), Constant(0.25))


@pytest.mark.parametrize(
    ("loss", "counted"),
    [
        ("auto", lambda error: math.hypot(error, 0.01) - 0.01),
        ("pseudo_huber", lambda error: math.hypot(error, 0.01) - 0.01),
        ("squared", lambda error: error**2),
    ],
)
def test_the_loss_is_the_distance_from_where_the_teacher_lands(loss, counted):
    """A teacher of one grey goes straight: a student of the same grey lands with it, one of another misses by a closed form."""
    x, draw = torch.zeros(6, 1, 8, 8), Draw(0, np.arange(6))
    assert abs(student(0.25, loss=loss)("denoise", x, None, draw)[0].item()) < 1e-8
    times = step_times(4, "shifted", PATHS["lerp"])
    missed = [counted(0.5 * (1 - s / t)) for t, s in pairwise(times)]
    loss, _ = student(0.75, loss=loss)("denoise", x, None, draw)
    assert loss.item() == pytest.approx(float(sum(missed) / 4), rel=1e-5)


def taught(source, folder, **changes):
    """The training of a student whose recipe names the run `folder` as its teacher."""
    made = {"data": source(), "net": "ink", "widths": [16], "layers": 1, "precision": "fp32", "ema": 0.2}
    recipe = Recipe().resolved(**{**made, "teacher": str(folder), "train_guidance": 1.5, **TAUGHT, **changes})
    return assemble(recipe, load_data(source()), CPU)


def folder(path):
    path.mkdir(exist_ok=True)
    return RunFolder(path)


def trained(training, steps):
    """Trained up to that step, from its teacher's weights."""
    take_teacher(training.state)
    for step in fit(training):
        if step.number == steps:
            return
    raise AssertionError


def test_half_precision_is_no_obstacle(source, teacher):
    training = taught(source, teacher, precision="bf16")
    take_teacher(training.state)
    steps = list(fit(training))
    assert len(steps) == 4
    assert all(torch.isfinite(step.losses["denoise"]) for step in steps)


@pytest.fixture
def teacher(command, recipe, tmp_path):
    assert command("train", recipe(), "--out", tmp_path / "teacher", "--quiet").code == 0
    return tmp_path / "teacher"


def test_it_begins_as_the_teacher_and_the_teacher_stays(source, teacher):
    training = taught(source, teacher)
    original = Run(teacher).family.net.state_dict()
    trained(training, 1)
    family = training.state.family
    for name, tensor in family.teacher.state_dict().items():
        assert torch.equal(tensor, original[name]), name
    moved = [not torch.equal(t, original[name]) for name, t in family.net.state_dict().items()]
    assert any(moved)
    assert all((t - original[name]).abs().max() < 0.05 for name, t in family.net.state_dict().items())


def test_a_resumed_run_needs_the_teacher_no_more(source, teacher, tmp_path):
    """It keeps a copy; a run that begins needs the teacher itself."""
    whole, first, second, late = (taught(source, teacher, checkpoint_every=2) for _ in range(4))
    list(session(folder(tmp_path / "whole"), whole))
    with closing(session(folder(tmp_path / "run"), first)) as events:
        assert next(event for event in events if isinstance(event, Saved)).step == 2
    teacher.rename(tmp_path / "elsewhere")
    list(session(folder(tmp_path / "run"), second))
    assert second.state.step == 4
    for name, tensor in whole.state.sampled.state_dict().items():
        assert torch.equal(tensor, second.state.sampled.state_dict()[name]), name
    with pytest.raises(CheckpointError, match="no trained run"):
        list(session(folder(tmp_path / "late"), late))


def test_clusters_come_by_their_shares_not_from_images(source, command, recipe, tmp_path):
    made = recipe("clustered", clusters=3, labels=False, guidance=1.5)
    assert command("train", made, "--out", tmp_path / "clustered", "--quiet").code == 0
    training = taught(source, tmp_path / "clustered", clusters=3, labels=False)
    trained(training, 1)
    assert torch.equal(training.state.family.net.shares, Run(tmp_path / "clustered").family.net.shares)


def test_the_command_trains_samples_and_judges_it(command, recipe, teacher, tmp_path):
    changes = {"teacher": str(teacher), "sample_steps": 2, "spacing": "shifted", "steps": 4}
    out = tmp_path / "few"
    ended = command("train", recipe("few", **changes), "--out", out)
    assert ended.code == 0
    assert "2 steps learned from" in ended.out
    assert "hold-out" not in ended.out  # it does not denoise from every noise level, so that loss would say nothing
    wanted = Run(out).request(3)
    assert (wanted.steps, wanted.nfe) == (2, 2)
    assert command("sample", out, "--count", "3", "--out", tmp_path / "drawn").code == 0
    for flag, value in (("--steps", 4), ("--nfe", 8), ("--guidance", 2), ("--solver", "heun"), ("--spacing", "uniform")):
        assert f"{flag[2:]}: the model learned its 2 steps" in command("sample", out, flag, value).error
    start = ("--from", tmp_path / "drawn" / "grid.png", "--at", 0.5)
    assert "from: the model learned its 2 steps" in command("sample", out, *start).error


def test_a_short_training_lands_closer():
    """The packaged digits: after a few steps the student's long steps land nearer to the teacher, from unseen noise."""
    recipe = load_recipe("few-step").resolved(steps=40, batch_size=4, lr=5e-4, precision="fp32", compile="off")
    training = assemble(recipe, load_data("digits"), CPU)
    x, y, draw = torch.zeros(30, 1, 28, 28), torch.arange(30) % 10, Draw(99, np.arange(30))

    def missed():
        with torch.no_grad():
            return training.state.family("denoise", x, y, draw)[0].item()

    take_teacher(training.state)
    before = missed()
    list(fit(training))
    assert missed() < 0.8 * before


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"widths": [32]}, r"the teacher was made otherwise \(.*\): add --widths 16$"),
        ({"kernel": 5}, "add --kernel 3$"),
        ({"pixels": "0..1"}, "add --pixels=-1..1$"),
        ({"labels": False}, "add --labels$"),
        ({"timed": False}, "add --timed$"),
    ],
)
def test_a_teacher_made_otherwise_is_refused(source, teacher, changes, line):
    with pytest.raises(UsageError, match=line):
        take_teacher(taught(source, teacher, **changes).state)


def test_widths_left_to_the_network_are_those_it_has(source, command, recipe, tmp_path):
    own = {"widths": None, "layers": None, "steps": 1}
    assert command("train", recipe("own", **own), "--out", tmp_path / "own", "--quiet").code == 0
    state = taught(source, tmp_path / "own", widths=[32, 64], layers=2).state
    take_teacher(state)
    for ours, theirs in zip(state.family.net.parameters(), Run(tmp_path / "own").family.net.parameters(), strict=True):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize(
    ("other", "field"), [({"channels": 3}, "channels"), ({"size": (12, 12)}, "size"), ({"classes": 5}, "classes")]
)
def test_a_teacher_of_other_images_is_refused(source, teacher, other, field):
    given = source(**other)
    with pytest.raises(UsageError, match=f"made otherwise .*: add --data {source()}$"):
        take_teacher(taught(lambda: given, teacher).state)
    with pytest.raises(UsageError, match=f"other {field} than the data"):  # the same source, whose images are others now
        take_teacher(taught(lambda: given, teacher, data=source()).state)


def test_a_student_teaches_nobody(command, recipe, source, teacher, tmp_path):
    changes = {"teacher": str(teacher), "sample_steps": 2, "spacing": "shifted", "steps": 1}
    assert command("train", recipe("few", **changes), "--out", tmp_path / "few", "--quiet").code == 0
    with pytest.raises(UsageError, match="the teacher knows few steps only"):
        take_teacher(taught(source, tmp_path / "few").state)


@pytest.mark.parametrize(
    "changes", [{"solver": "heun"}, {"spacing": "logsnr"}, {"sample_times": [1, 0.8, 0.5, 0.2]}, {"guidance": 1.5}]
)
def test_a_recipe_that_steps_otherwise_is_refused(changes):
    with pytest.raises(UsageError, match="a teacher's steps are joined evenly"):
        load_recipe("few-step").resolved(**changes)


def test_a_request_for_its_own_steps_stands():
    family = build(Spec(load_recipe("few-step"), 1, (28, 28), tuple("0123456789")))
    assert request(family, 2, steps=4, nfe=None, solver="euler", guidance=1).nfe == 4
    assert request(family, 2, nfe=4).steps == 4
