"""``python -m ssldiff_core.cli`` is ``ssldiff``."""

from .command_line import main

raise SystemExit(main())
