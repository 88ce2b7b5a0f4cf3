"""The names of the queues. Workers that serve several take from them in the order of their names.

Housekeeping comes first: it takes milliseconds where nothing is due, and behind an urgent mailing with more batches
than there are processes it would wait until that was out, and another urgent one with it.
"""

HOUSEKEEPING = "0-housekeeping"
URGENT = "1-urgent"
BULK = "2-bulk"
