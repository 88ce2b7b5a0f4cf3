"""Several mailings at once, for an hour, through relays that fail at random; `make soak` runs it."""
