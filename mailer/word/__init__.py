"""A Word file as a mailing's folder: opened with suspicion, converted to Markdown, its front matter guessed.

In the order of the work: package, convert, draft.
"""
