"""A script that times steps with time.perf_counter, run in turns with another process.

    python tools/torch/in_turns.py [--readings N] SCRIPT OPTIONS --warmup 0

SCRIPT reads the clock before and after each step, and in between where N is more than 2. Before a step it waits for a line with a number, then takes so many
steps and prints what one of them took, {"turn": {"step_ms": ...}}. Nothing else of SCRIPT is changed.
"""
import json
import os
import runpy
import sys
import time

clock = time.perf_counter


class Turns:
    """The clock, of which the first of so many readings is the start of a step and the last is its end."""

    def __init__(self, readings):
        self.readings = readings
        self.left = self.steps = self.taken = 0
        self.began = 0.0

    def __call__(self):
        if self.taken == 0 and self.left == 0:
            self.left = self.steps = int(sys.stdin.readline())
            self.began = clock()
        self.taken = (self.taken + 1) % self.readings
        now = clock()
        if self.taken == 0:
            self.left -= 1
            if self.left == 0:
                line = {"turn": {"step_ms": 1e3 * (now - self.began) / self.steps}}
                os.write(1, (json.dumps(line) + "\n").encode())  # a script may hold its own output back
        return now


sys.argv = sys.argv[1:]
readings = 2
if sys.argv[0] == "--readings":
    readings = int(sys.argv[1])
    sys.argv = sys.argv[2:]
time.perf_counter = Turns(readings)
sys.path[0] = os.path.dirname(os.path.abspath(sys.argv[0]))
runpy.run_path(sys.argv[0], run_name="__main__")
