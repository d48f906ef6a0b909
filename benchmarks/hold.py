"""Holds a card's memory, all but so many GB, until its input closes: hold.py GB."""

import sys

import torch

free, _ = torch.cuda.mem_get_info()
held = torch.empty(max(0, int(free - float(sys.argv[1]) * 1e9)), dtype=torch.uint8, device="cuda")
print("held", flush=True)
sys.stdin.read()
