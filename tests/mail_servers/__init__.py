"""Other people's mail servers, as they are packaged: Postfix and its smtp-sink, Exim, OpenSMTPD.

`fetching` unpacks them, `ground` gives each a file system and processes of its own, the others set them up. They
listen on loopback, deliver into a folder of the test's, and have no way of sending anything on.
"""
