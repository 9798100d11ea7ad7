"""Run the command line by ``python -m tfmkit.cli``."""

import sys

from tfmkit.cli.main import main

sys.exit(main())
