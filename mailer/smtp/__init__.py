"""SMTP, the sending side: the standard library opens a connection, the transaction loop is ours (RFC 5321, RFC 2920).

`fleet` drives several connections; `transaction` is the protocol without a socket; `connection` opens one.
"""
