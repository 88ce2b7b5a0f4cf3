"""The ground floor: settings checked at start, the database engine and its sessions, keys, logging, errors.

Everything else imports from here; nothing here knows of mailings or subscribers.
"""
