"""The Celery app.

Tasks are hints: an id or two, acknowledged early, never retried by the queue. The truth is in the database, and what
is due is found there.
"""

import gc
import logging
import time
from typing import Any

from celery import Celery, Task
from celery.signals import setup_logging, worker_process_init

from config import trouble
from config.log import set_up_logging
from config.settings import settings
from tasks.queues import HOUSEKEEPING

log = logging.getLogger(__name__)

REST = 1.0
"""Seconds that a process rests after trouble: one whose disk is full must not eat the hints that others could use."""


class Hint(Task[Any, Any]):
    """A task that meets trouble from outside says so and ends: the work is found again."""

    def __call__(self, *args: Any, **kwargs: Any) -> None:
        try:
            self.run(*args, **kwargs)
        except Exception as error:
            log.exception("the task %s failed", self.name)
            if trouble.in_words(error) is not None:
                time.sleep(REST)
        else:
            trouble.over(log)


def broker_url() -> str:
    """The Redis URL as Kombu spells it: a socket's path is unix:// elsewhere."""
    url = settings().redis
    return "redis+socket://" + url.removeprefix("unix://") if url.startswith("unix://") else url


def make_app() -> "Celery[Hint]":
    """The app, configured from the settings."""
    app = Celery("broadside", task_cls=Hint, broker=broker_url(), include=["tasks.delivery", "tasks.housekeeping"])
    app.conf.update(
        task_ignore_result=True,
        task_serializer="json",
        accept_content=["json"],
        task_default_queue=HOUSEKEEPING,
        task_acks_late=False,
        # A child takes a task when it is free to work on it, not before: a task that waits in a worker's memory
        # would be lost with it, and keep an urgent one waiting.
        worker_prefetch_multiplier=1,
        worker_disable_prefetch=True,
        worker_pool="prefork",
        worker_send_task_events=False,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        broker_connection_retry_on_startup=True,
        broker_transport_options={"queue_order_strategy": "sorted"},
        timezone="UTC",
    )
    return app


@setup_logging.connect
def _logging(loglevel: int, **_: object) -> None:
    set_up_logging(loglevel)
    logging.getLogger("celery").setLevel(logging.WARNING)  # it tells of every task
    logging.getLogger("py.warnings").setLevel(logging.ERROR)  # and warns of its next version at each lost connection


@worker_process_init.connect
def _modules_are_no_garbage(**_: object) -> None:
    """Leave what was loaded before the first task out of every search for garbage: a tenth of a second each time."""
    gc.freeze()


app = make_app()
