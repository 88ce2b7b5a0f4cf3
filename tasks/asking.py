"""Asking the workers for something, from a process that is none."""

from kombu import Producer
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from config.errors import Unavailable
from config.settings import settings
from tasks.app import app, broker_url
from tasks.housekeeping import look_for_work

PATIENCE = 3.0
"""Seconds to wait for Redis: what is asked for is in the database, and is found without being asked for."""


def ask_for_work(mailing_id: int) -> None:
    """Have a worker look now for what is due, at that mailing above all. Raises Unavailable without a Redis."""
    options = {
        **app.conf.broker_transport_options,
        "socket_connect_timeout": PATIENCE,
        "socket_timeout": PATIENCE,
        "max_retries": 0,
    }
    try:
        with app.connection_for_write(url=broker_url(), transport_options=options) as connection:
            look_for_work.apply_async(
                kwargs={"now": True, "mailing_id": mailing_id}, producer=Producer(connection), retry=False
            )
    except (OperationalError, RedisError, OSError) as error:
        raise Unavailable(f"Redis at {settings().redis_name} does not answer") from error
