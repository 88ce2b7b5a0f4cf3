"""What is sent and how: mailings and editions, rendering, the message plan, relays, sending and the ledger.

Plain functions over sessions; the queue above calls them with ids.
"""

from mailer import held as _held  # noqa: F401  (adds deliveries to what is held of a person)
from mailer import received as _received  # noqa: F401  (adds its rule to the segments' registry)
