"""How many messages a second a relay gets: a token bucket each in Redis, shared by the workers of all hosts."""

from collections.abc import Iterator
from itertools import repeat

from redis.exceptions import RedisError

from config.redis_connection import redis
from config.settings import RelayUrl

SAVED = 5.0
"""Seconds' worth of tokens that a bucket holds: more than pass until forgotten batches are hinted at again."""
WORTH = 1.0
"""Seconds' worth of tokens that make a claim worth its while: it costs as much for one message as for hundreds."""
PORTIONS = 20
"""In how many portions a worker takes the tokens of a second; what is left of one is lost with its turn."""
# Fills a bucket by Redis's own clock and takes up to ARGV[3] tokens out of it: how many, and how many are left. One
# that Redis does not know starts empty: a Redis that was emptied must not let a second portion through.
TAKE = """
local rate, most, wanted = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local known = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens = 0
if known[1] then
    tokens = math.min(most, tonumber(known[1]) + math.max(0, now - tonumber(known[2])) * rate)
end
local given = math.min(wanted, math.floor(tokens))
redis.call('HSET', KEYS[1], 'tokens', string.format('%.6f', tokens - given), 'at', string.format('%.6f', now))
redis.call('EXPIRE', KEYS[1], 86400)
return {given, math.floor(tokens - given)}
"""


def allowance(relay: RelayUrl) -> Iterator[bool]:
    """True for each message that the relay may get now; ends where it may get no more for a while."""
    if relay.per_second is None:
        yield from repeat(True)
    while given := _take(relay, max(1, int((relay.per_second or 0) / PORTIONS)))[0]:
        yield from repeat(True, given)


def spent(relay: RelayUrl) -> bool:
    """Whether the relay may get next to nothing just now."""
    return relay.per_second is not None and _take(relay, 0)[1] < max(1.0, relay.per_second * WORTH)


def bucket(relay: RelayUrl) -> str:
    """The name of the relay's bucket in Redis."""
    return f"broadside:rate:{relay.name}"


def _take(relay: RelayUrl, wanted: int) -> tuple[int, int]:
    """Tokens that were to be had, and those left; without Redis none (limits fail closed)."""
    assert relay.per_second is not None
    most = max(1.0, relay.per_second * SAVED)
    try:
        given, left = redis().eval(TAKE, 1, bucket(relay), str(relay.per_second), str(most), str(wanted))
    except RedisError:
        return 0, 0
    return given, left
