"""Mailings whose processes, servers and hosts are killed at random moments; `make kill` runs many."""
