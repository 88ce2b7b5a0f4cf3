"""What can be wrong with a relay as a whole.

RelayError
  RelayUnavailable   also Unavailable: it does not answer, or not now; trying again later may help
  RelayRefused       also Refused: it takes no mail from us until a person changes something (password, policy)
"""

from config.errors import BroadsideError, Refused, Unavailable


class RelayError(BroadsideError):
    """A relay that takes no mail from us. The text names the relay; the server's words in it are scrubbed."""


class RelayUnavailable(RelayError, Unavailable):
    """Retryable."""


class RelayRefused(RelayError, Refused):
    """Final until the relay or its setting is changed."""
