"""The message plan: a whole MIME message compiled once per edition, so that a recipient's copy is a join.

Static parts are transfer-encoded once; what depends on the recipient is compiled Jinja, encoded as it comes.
"""
