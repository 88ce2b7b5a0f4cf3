"""What is served over HTTP: the public pages, with the way out of every mailing, and the inbox for trying out.

`app` is the public application, `serving` runs any of them until a signal.
"""
