"""Measure speed: every number beside its bare rival, in one run. `make bench`."""

from __future__ import annotations

from benchmarks import dci, light, report, scorers, scores, training

if __name__ == "__main__":
    for module in (light, scores, dci, scorers, report, training):
        for line in module.lines():
            print(line, flush=True)
