"""The rules of the check: what a careful colleague reads a mailing for.

A module a subject, a function a rule. The rules are pure: `gathering` has laid out everything they look at.
"""
