"""The queue: the Celery app, thin tasks that turn ids into the call of a plain function, and their processes.

Each schedule stands beside its task.
"""
