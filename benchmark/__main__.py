"""``python -m benchmark`` is ``mer-bench``."""

import sys

from benchmark.cli import main

sys.exit(main())
