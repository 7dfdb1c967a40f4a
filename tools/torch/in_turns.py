"""A script that times steps with time.perf_counter, run in turns with another process.

    python tools/torch/in_turns.py SCRIPT OPTIONS --warmup 0

SCRIPT reads the clock before and after each step. Before a step it waits for a line with a number, then takes so many
steps and prints what one of them took, {"turn": {"step_ms": ...}}. Nothing else of SCRIPT is changed.
"""
import json
import os
import runpy
import sys
import time

clock = time.perf_counter


class Turns:
    """The clock, of which every other reading is the start of a step."""

    def __init__(self):
        self.left = self.steps = 0
        self.within = False
        self.began = 0.0

    def __call__(self):
        if not self.within and self.left == 0:
            self.left = self.steps = int(sys.stdin.readline())
            self.began = clock()
        self.within = not self.within
        now = clock()
        if not self.within:
            self.left -= 1
            if self.left == 0:
                line = {"turn": {"step_ms": 1e3 * (now - self.began) / self.steps}}
                os.write(1, (json.dumps(line) + "\n").encode())  # a script may hold its own output back
        return now


time.perf_counter = Turns()
sys.argv = sys.argv[1:]
sys.path[0] = os.path.dirname(os.path.abspath(sys.argv[0]))
runpy.run_path(sys.argv[0], run_name="__main__")
