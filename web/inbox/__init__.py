"""The inbox for trying out: a real SMTP server on this machine that delivers to a folder, and its page.

Nothing that arrives here goes any further; the newest thousand messages are kept and all are counted.
"""
