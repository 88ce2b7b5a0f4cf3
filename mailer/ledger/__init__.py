"""The ledger: what happened to every single message, true after any crash.

States and their transitions, claims with their fencing, the flight recorder, outcomes, recovery, reports.
"""
