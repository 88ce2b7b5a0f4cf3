"""Celery's command line with our app: `python -m tasks worker ...`.

Celery's own would look for the app in the folder it is started from, and take a stranger's `tasks` for ours.
"""

import sys

from tasks.app import app

sys.exit(app.start(sys.argv[1:]))
