"""The names of the queues. Workers that serve several take from them in the order of their names."""

URGENT = "1-urgent"
BULK = "2-bulk"
HOUSEKEEPING = "3-housekeeping"
