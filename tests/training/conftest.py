"""Makes ``toy_training`` importable: by the tests, by ``network="toy_training:body"``, by child processes."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
