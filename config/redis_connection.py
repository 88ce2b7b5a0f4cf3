"""The one connection to Redis that a process keeps for what is not the queue's."""

import os
from functools import cache

from redis import Redis

from config.settings import settings


def redis() -> Redis:
    """This process's client; it connects at the first command. Its errors are redis.exceptions.RedisError."""
    return _client(os.getpid(), settings().redis)


def close() -> None:
    """Let go of Redis; the next command connects again."""
    if _client.cache_info().currsize:
        redis().close()
    _client.cache_clear()


@cache
def _client(_process: int, url: str) -> Redis:
    return Redis.from_url(url, socket_timeout=10, socket_connect_timeout=10)
