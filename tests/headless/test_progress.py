"""What is told of a training on the way, on a terminal, in logs and to TensorBoard, and the table at its end."""

import io
import json
import sys
from pathlib import Path

from concept_sliders.slider_core.headless import Outcome, table_of
from concept_sliders.slider_core.headless.progress import JsonLines, Several, Terminal
from concept_sliders.slider_core.training import StepDone
from headless.demo_config import config_of


def test_previews_and_tensorboard(tmp_path, output, train, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    more = "[[slider]]\ntrain = { preview_every = 2, preview_steps = 1, preview_prompt = 'a person' }\n"
    file = config_of(tmp_path, more)
    file.write_text(file.read_text().replace("# tensorboard = false", "tensorboard = true"))
    code, told = train(file)
    assert code == 0 and "TensorBoard is not installed" in told
    shown = sorted(f.name for f in (output / "slider_logs" / "smile").iterdir())
    assert shown == ["preview_000002.png", "preview_000004.png"]


def test_tensorboard_gets_losses_and_rate(tmp_path, monkeypatch):
    """Where the package is there, which the tests do not need: a stand-in takes what is written."""
    written = []

    class Writer:
        def __init__(self, folder):
            self.folder = folder

        def add_scalar(self, name, value, step):
            written.append((name, value, step))

        def flush(self):
            pass

    board = type(sys)("torch.utils.tensorboard")
    board.SummaryWriter = Writer
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", board)
    from concept_sliders.slider_core.headless.progress import TensorBoard

    TensorBoard(tmp_path).step(StepDone(3, 9, {"loss": 0.5, "neutral": float("nan")}, 1e-3, 0.1))
    assert written == [("loss/loss", 0.5, 3), ("learning_rate", 1e-3, 3)]


class Screen(io.StringIO):
    def __init__(self, terminal):
        super().__init__()
        self.isatty = lambda: terminal


def test_one_line_on_a_terminal_and_plain_lines_elsewhere():
    screen, file = Screen(True), Screen(False)
    both = Several([Terminal("smile", screen), Terminal("smile", file)])
    both.line("Continued from step 1 of 5.")
    for step in range(2, 6):
        both.step(StepDone(step, 5, {"loss": 0.25}, 1e-3, 2.0))
    assert screen.getvalue().count("\n") == 2 and screen.getvalue().count("\r") == 5
    assert file.getvalue().splitlines() == [
        "Continued from step 1 of 5.",
        "smile: step 2/5, loss 0.2500, 2.00 s a step, 6 s left",
        "smile: step 5/5, loss 0.2500, 2.00 s a step, 0 s left",
    ]


def test_the_log_goes_on_where_it_was(tmp_path):
    for step in (1, 2):
        JsonLines(tmp_path / "logs" / "a.jsonl").step(StepDone(step, 2, {"loss": float("nan")}, 1e-3, 1.0))
    lines = (tmp_path / "logs" / "a.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [1, 2] and json.loads(lines[0])["loss"] == {}


def test_the_table_tells_of_each_slider():
    figures = {"usable_range": (-1.5, 2.0), "symmetry": 0.9, "leak": 0.05, "neutral_leak": None}
    done = Outcome("smile", Path("smile_00001_.safetensors"), "", False, 300, 0.1234, 95.0, figures)
    table = table_of([done, Outcome("eyes", error="No pictures.\nAt all."), Outcome("age", cancelled=True)])
    assert table.splitlines()[1].split("  ")[-1] == "smile_00001_.safetensors"
    for cell in ("-1.5 to +2", "0.90", "0.05", "–", "2 min", "failed: No pictures.", "cancelled"):
        assert cell in table
    assert "At all" not in table
