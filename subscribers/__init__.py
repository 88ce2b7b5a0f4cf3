"""Who receives: subscribers, lists and subscriptions, the consent behind them, segments and suppressions.

Import and export of people live here too. Nothing here knows of mailings.
"""
