"""A Celery process with our app: `python -m tasks worker NAME QUEUES SIZE`, `beat`, or a command of Celery's own.

Celery's own program would look for the app in the folder it is started from, and take a stranger's `tasks` for ours.
Worker and beat are begun without its command line, whose interactive shell each process would hold: 9 MB.
"""

import logging
import sys

from tasks.app import app


def work(name: str, queues: str, size: str) -> int:
    """Run a node with `size` processes until it is told to end; its exit status. `queues` have commas between."""
    # It warns of each hint that a node which is ending puts back: nothing that anybody must know.
    logging.getLogger("kombu.transport.virtual.base").setLevel(logging.ERROR)
    worker = app.Worker(
        hostname=f"{name}@",  # of this machine
        queues=queues,
        concurrency=int(size),
        loglevel=logging.WARNING,
        quiet=True,
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
    )
    worker.start()
    return int(worker.exitcode or 0)


def keep_time() -> int:
    """Run the scheduler. It remembers nothing between runs: when a task ran last is in the database."""
    app.Beat(scheduler="tasks.beat:Steady", loglevel="WARNING", quiet=True).run()
    return 0


match sys.argv[1:]:
    case ["worker", name, queues, size]:
        sys.exit(work(name, queues, size))
    case ["beat"]:
        sys.exit(keep_time())
    case others:
        sys.exit(app.start(others))
