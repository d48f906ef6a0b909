"""Errors raised at a chosen moment of whatever runs inside: at an operation of torch or an instruction of Python."""

import sys

from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook
from torch.utils._python_dispatch import TorchDispatchMode

STEP_FILES = ("slider_core/training/", "torch/optim/")


class AtOperation(TorchDispatchMode):
    """Counts torch's operations, and raises `error` before (or after) the one of number `at`."""

    def __init__(self, at=0, error=RuntimeError, after=False):
        super().__init__()
        self.count, self.at, self.error, self.after = 0, at, error, after

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += 1
        if self.count != self.at:
            return func(*args, **(kwargs or {}))
        if self.after:
            func(*args, **(kwargs or {}))
        raise self.error("a fault")


class InUpdate(AtOperation):
    """Counts only the operations of the optimiser's step, the most delicate moment."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.inside = False

    def __enter__(self):
        self.hooks = [
            register_optimizer_step_pre_hook(lambda *_: setattr(self, "inside", True)),
            register_optimizer_step_post_hook(lambda *_: setattr(self, "inside", False)),
        ]
        return super().__enter__()

    def __exit__(self, *error):
        for hook in self.hooks:
            hook.remove()
        super().__exit__(*error)

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if self.inside:
            return super().__torch_dispatch__(func, types, args, kwargs)
        return func(*args, **(kwargs or {}))


class AtInstruction:
    """Counts the instructions of the training's own code and of torch's optimisers, and raises at one."""

    def __init__(self, at=0, error=KeyboardInterrupt, after=False):
        self.count, self.at, self.error = 0, at, error

    def __enter__(self):
        sys.settrace(self._call)
        return self

    def __exit__(self, *_):
        sys.settrace(None)

    def _call(self, frame, event, argument):
        path = frame.f_code.co_filename.replace("\\", "/")
        if not any(part in path for part in STEP_FILES):
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        return self._instruction

    def _instruction(self, frame, event, argument):
        if event == "opcode":
            self.count += 1
            if self.count == self.at:
                raise self.error("a fault")
        return self._instruction
