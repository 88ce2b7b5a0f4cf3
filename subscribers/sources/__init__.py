"""Files of people from other programs: whose they are, what their columns mean, and who in them had left.

`table.yaml` is what is known of columns, words and tools; adding a tool is adding rows to it.
"""
