"""The whole matrix of the trust suite, and the processor seconds that it takes.

python benchmarks/trust_selftest.py          written to benchmarks/results/trust_selftest.json
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import torch

from foreworld.cli.matrix import print_matrix
from foreworld.disk import write_json
from foreworld.evaluation import provenance
from foreworld.evaluation.selftest import EPISODES, protocol, selftest
from foreworld.training.threads import keep_memory

RESULT = Path(__file__).parent / "results" / "trust_selftest.json"


def main() -> None:
    torch.set_num_threads(1)
    keep_memory()
    began = time.process_time()
    matrix = selftest()
    cpu_s = round(time.process_time() - began)
    print_matrix(matrix)
    result = {
        "cpu_s": cpu_s,
        "n": {"episodes": EPISODES, **vars(protocol(False, 0))},
        **matrix.to_json(),
        "provenance": provenance(),
    }
    write_json(RESULT, result)
    sys.exit(f"{len(matrix.wrong)} cells are wrong" if matrix.wrong else None)


if __name__ == "__main__":
    main()
