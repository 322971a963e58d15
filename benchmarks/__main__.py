"""Measure speed: every number beside its bare rival, in one run. `make bench`."""

from __future__ import annotations

from benchmarks import (
    attribution,
    concepts,
    dci,
    examples,
    gan,
    generation,
    light,
    measures,
    removal,
    report,
    scorers,
    scores,
    sprites,
    training,
)

if __name__ == "__main__":
    for module in (
        light,
        scores,
        dci,
        measures,
        sprites,
        scorers,
        report,
        training,
        gan,
        concepts,
        attribution,
        examples,
        removal,
        generation,
    ):
        for line in module.lines():
            print(line, flush=True)
